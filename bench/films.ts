import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { type Caller, publishClip, waitForFeed } from "./client.ts";

export const demoFilms = ["sunset", "flower", "aurora", "silk"];

/** Different lengths, so that no two are one file in the browser's cache. */
export async function publishFilms(port: number, author: Caller, count: number): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), "douya-films-"));
  try {
    for (let i = 0; i < count; i++) {
      const from = `apps/server/demo/${demoFilms[i % demoFilms.length]}.mp4`;
      const to = join(folder, `${i}.mp4`);
      const length = (4.5 + i / 25).toFixed(2);
      await promisify(execFile)("ffmpeg", ["-v", "error", "-i", from, "-t", length, "-c", "copy", to]);
      await publishClip(port, author, await readFile(to), `Run ${i}`);
    }
    await waitForFeed(port, (titles) => titles.includes(`Run ${count - 1}`));
  } finally {
    await rm(folder, { recursive: true });
  }
}
