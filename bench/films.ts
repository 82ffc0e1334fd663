import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { keyTimeSeconds } from "#platform/media/plan.ts";
import { type Caller, publishClip, register, videoOf, waitForFeed } from "./client.ts";
import { keptIn, type Owns } from "./dataset.ts";
import { startServer } from "./server-process.ts";

export const demoFilms = ["sunset", "flower", "aurora", "silk"];
const rungsMs = 600_000;
const ffmpeg = (...args: string[]) => promisify(execFile)("ffmpeg", ["-v", "error", "-y", ...args]);

/** Different lengths, so that no two are one file in the browser's cache. */
export async function publishFilms(port: number, author: Caller, count: number): Promise<void> {
  const lengthsS = Array.from({ length: count }, (_, i) => 4.5 + i / 25);
  await publishCut(port, author, (name) => `apps/server/demo/${name}.mp4`, lengthsS);
}

/**
 * A server with films that have as many bits as those of a phone (the drawn ones, with noise), and rungs; 12 s at most.
 * They are made once, since that takes minutes, and kept.
 */
export async function serveFilms(owns: Owns, lengthsS: number[]) {
  const form = [...lengthsS, "fragments", ...[1, 2, 3, 4, 5, 6].map(keyTimeSeconds)];
  const folder = join(keptIn, `films-${createHash("sha256").update(form.join()).digest("hex").slice(0, 8)}`);
  const list = join(folder, "films.json");
  const made = existsSync(list);
  if (!made) await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  const server = owns(await startServer({ env: { DOUYA_DATA: folder, DOUYA_RUNGS: "360,720" } }));
  if (!made) {
    const author = await register(server.port, "films");
    await writeFile(list, JSON.stringify(await publishPhoneFilms(server.port, author, lengthsS)));
  }
  const ids = JSON.parse(await readFile(list, "utf8")) as string[];
  await waitForRungs(server.port, ids);
  return { server, ids };
}

async function publishPhoneFilms(port: number, author: Caller, lengthsS: number[]): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "douya-films-"));
  try {
    for (const name of demoFilms)
      await ffmpeg(
        ...["-stream_loop", "1", "-i", `apps/server/demo/${name}.mp4`, "-t", "12"],
        ...["-vf", "noise=c0s=14:c0f=t", "-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"],
        ...["-b:v", "2500k", "-maxrate", "3000k", "-bufsize", "3000k", "-g", "60", "-c:a", "copy"],
        join(folder, `${name}.mp4`),
      );
    return await publishCut(port, author, (name) => join(folder, `${name}.mp4`), lengthsS);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function publishCut(
  port: number,
  author: Caller,
  pathOf: (name: string) => string,
  lengthsS: number[],
): Promise<string[]> {
  const folder = await mkdtemp(join(tmpdir(), "douya-films-"));
  const ids: string[] = [];
  try {
    for (const [i, lengthS] of lengthsS.entries()) {
      const to = join(folder, `${i}.mp4`);
      await ffmpeg(
        ...["-i", pathOf(demoFilms[i % demoFilms.length]!), "-t", lengthS.toFixed(2), "-c", "copy", to],
      );
      ids.push(await publishClip(port, author, await readFile(to), `Run ${i}`));
    }
    await waitForFeed(port, (titles) => titles.includes(`Run ${lengthsS.length - 1}`));
    return ids;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** Waits until these films are streams too. */
export async function waitForRungs(port: number, ids: string[]): Promise<void> {
  const untilMs = Date.now() + rungsMs;
  for (const id of ids)
    while ((await videoOf(port, null, id)).hlsUrl === null) {
      if (Date.now() > untilMs) throw new Error(`no rungs within ${rungsMs} ms`);
      await delay(500);
    }
}
