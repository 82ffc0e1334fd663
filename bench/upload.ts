import { randomFillSync } from "node:crypto";
import { open, readdir, readFile, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Bench } from "./bench.ts";
import type { HashedCopy } from "./ceilings/copy-hashed.ts";
import { logIn } from "./client.ts";
import type { UploadDone, UploadJob } from "./load/uploader.ts";
import { compare, median } from "./rounds.ts";
import { type Row, ratioRow } from "./scoreboard.ts";
import { residentBytes } from "./server-process.ts";
import { startWorker } from "./worker.ts";

const fileBytes = 1024 ** 3;
const maxGrowthBytes = 64 * 1024 ** 2;
const sampleMs = 20;

/** An upload of 1 GB until it is acknowledged, against reading, hashing and writing it in one process. */
export const upload: Bench = async (environment, { rounds, profileDir }) => {
  const [known] = await environment.callers();
  const server = await environment.serve({ profileDir });
  const caller = await logIn(server.port, known!);
  const uploader = environment.owns(startWorker<UploadJob, UploadDone>("load/uploader"));
  const copier = environment.owns(startWorker<HashedCopy, number>("ceilings/copy-hashed"));
  const file = join(environment.dataDir, "big.mp4");
  const copy = join(environment.dataDir, "copy.mp4");
  await writeBigClip(file);

  const growths: number[] = [];
  const cpu: number[] = [];
  const durableRates: number[] = [];
  const ours = async () => {
    // A different file each time: existing content would only be discarded.
    await renew(file);
    const grown = watchGrowth(server.pid);
    const done = await uploader.ask({ port: server.port, token: caller.token, file });
    growths.push(await grown());
    cpu.push(done.generatorCpu);
    await removeBig(join(environment.dataDir, "blobs", "video"));
    return megabytesPerSecond(done.tookMs);
  };
  const copied = async (durable: boolean) => {
    const tookMs = await copier.ask({ from: file, to: copy, durable });
    await rm(copy);
    return megabytesPerSecond(tookMs);
  };
  const ceiling = async () => {
    durableRates.push(await copied(true));
    return copied(false);
  };
  const compared = await compare(rounds, ours, ceiling);
  await Promise.all([uploader.stop(), copier.stop(), server.stop()]);
  await rm(file);

  const worst = Math.max(...growths);
  const memory: Row = {
    name: "upload-memory",
    unit: "MB",
    ours: worst / 1024 ** 2,
    ceiling: undefined,
    ratio: undefined,
    budget: "≤ 64 MB",
    met: worst <= maxGrowthBytes,
    detail: { growthBytes: growths },
  };
  const detail = { generatorCpu: cpu, durableCeiling: median(durableRates.slice(1)), durableRates };
  return [ratioRow("upload", "MB/s", compared, { atLeast: 0.7 }, detail), memory];
};

function megabytesPerSecond(tookMs: number): number {
  return fileBytes / 1e6 / (tookMs / 1000);
}

/** A clip that plays, followed by a box that players skip, filled with noise. */
async function writeBigClip(path: string): Promise<void> {
  const clip = await readFile("platform/media/testdata/compliant.mp4");
  const box = Buffer.alloc(8);
  box.writeUInt32BE(fileBytes - clip.length, 0);
  box.write("free", 4, "latin1");
  const file = await open(path, "w");
  try {
    await file.write(clip);
    await file.write(box);
    const noise = Buffer.alloc(1024 ** 2);
    for (let left = fileBytes - clip.length - box.length; left > 0; left -= noise.length) {
      await file.write(randomFillSync(noise), 0, Math.min(noise.length, left));
    }
    await file.sync();
  } finally {
    await file.close();
  }
}

async function renew(path: string): Promise<void> {
  const file = await open(path, "r+");
  try {
    await file.write(randomFillSync(Buffer.alloc(16)), 0, 16, fileBytes - 16);
  } finally {
    await file.close();
  }
}

/** Nothing that is uploaded here is published, and the disk must not fill up. */
async function removeBig(folder: string): Promise<void> {
  for (const name of await readdir(folder, { recursive: true })) {
    const path = join(folder, name);
    if ((await stat(path)).size === fileBytes) await rm(path);
  }
}

/** Watches a process's memory; the returned function ends it and returns the largest growth. */
function watchGrowth(pid: number): () => Promise<number> {
  const before = residentBytes(pid);
  let most = 0;
  const look = async () => {
    most = Math.max(most, ((await residentBytes(pid)) ?? Number.NaN) - ((await before) ?? Number.NaN));
  };
  const timer = setInterval(look, sampleMs);
  return async () => {
    clearInterval(timer);
    await look();
    return most;
  };
}
