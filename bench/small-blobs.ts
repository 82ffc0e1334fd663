import { randomBytes } from "node:crypto";
import { mkdir, mkdtemp, rm, utimes, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Readable } from "node:stream";
import { type BlobStore, blobKey } from "#platform/blob/blob-store.ts";
import { diskBlobStore } from "#platform/blob/disk-blob-store.ts";
import type { Bench } from "./bench.ts";
import { type Row, row } from "./scoreboard.ts";

/** As covers, avatars and thumbnails are. */
const blobBytes = 4096;
const few = 1000;
const many = 100_000;
const atOnce = 16;
const tickMs = 5;
const budgets = { leastRatio: 0.6, sweepRatio: 1.5, blockedMs: 50, grownMb: 32 };

/**
 * Writing, reading and sweeping on the disk with 100,000 small blobs, against the same with 1,000. A sweep goes over what
 * was staged and left; blobs themselves are removed one by one, by the jobs of those that used them.
 */
export const smallBlobs: Bench = async (environment) => {
  const dir = await mkdtemp(join(environment.dataDir, "small-blobs-"));
  const store = await diskBlobStore(dir, { reserveBytes: 0 });
  const keys: string[] = [];
  const writeFew = () => perSecond(few, async () => void keys.push(await put(store)));
  const readFew = () => perSecond(few, () => read(store, keys[Math.floor(Math.random() * keys.length)]!));
  // The first ones warm up what runs.
  await writeFew();
  await sweep(store, few);
  const before = { writes: await writeFew(), reads: await readFew() };
  const sweptFew = await sweep(store, few);
  await perSecond(many - keys.length, async () => void keys.push(await putQuickly(store)));
  const after = { writes: await writeFew(), reads: await readFew() };
  const sweptMany = await sweep(store, many);
  await rm(dir, { recursive: true });

  const compared = (
    name: string,
    unit: string,
    ours: number,
    ceiling: number,
    budget: string,
    met: boolean,
  ): Row => ({ name, unit, ours, ceiling, ratio: ours / ceiling, budget, met, detail: {} });
  const { leastRatio, sweepRatio, blockedMs, grownMb } = budgets;
  const atLeast = (name: string, unit: string, ours: number, ceiling: number) =>
    compared(name, unit, ours, ceiling, `≥ ${leastRatio}`, ours / ceiling >= leastRatio);
  const [ours, ceiling] = [sweptMany.microseconds, sweptFew.microseconds];
  const swept = compared(
    "small-blobs sweep",
    "µs a file",
    ours,
    ceiling,
    `≤ ${sweepRatio}`,
    ours / ceiling <= sweepRatio,
  );
  return [
    atLeast("small-blobs write", "blobs/s", after.writes, before.writes),
    atLeast("small-blobs serve", "blobs/s", after.reads, before.reads),
    swept,
    row(
      "small-blobs blocked",
      "ms at most",
      sweptMany.blockedMs,
      `≤ ${blockedMs}`,
      sweptMany.blockedMs <= blockedMs,
    ),
    row("small-blobs memory", "MB grown", sweptMany.grownMb, `≤ ${grownMb}`, sweptMany.grownMb <= grownMb),
  ];
};

async function put(store: BlobStore): Promise<string> {
  const staged = await store.receive(Readable.from([randomBytes(blobBytes)]), { maxBytes: blobBytes });
  const key = blobKey("picture", staged.sha256, "jpg");
  await store.commit(staged.name, key);
  return key;
}

/** At its place, without waiting for the disk. */
async function putQuickly(store: BlobStore): Promise<string> {
  const key = blobKey("picture", randomBytes(32).toString("hex"), "jpg");
  await store.withFile({ key }, async (path) => {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, randomBytes(blobBytes));
  });
  return key;
}

async function read(store: BlobStore, key: string): Promise<void> {
  let bytes = 0;
  for await (const chunk of store.read(key)) bytes += chunk.length;
  if (bytes !== blobBytes) throw new Error(`${bytes} bytes of ${key}`);
}

/** How long it takes to sweep so many files that were left, the event loop is blocked by it, and memory grows. */
async function sweep(store: BlobStore, count: number) {
  const old = new Date(0);
  await perSecond(count, async () => {
    const { path } = await store.stagingPath("jpg");
    await writeFile(path, "");
    await utimes(path, old, old);
  });
  const delays = monitorEventLoopDelay({ resolution: tickMs });
  const startBytes = process.memoryUsage.rss();
  let peakBytes = startBytes;
  const sampling = setInterval(() => (peakBytes = Math.max(peakBytes, process.memoryUsage.rss())), tickMs);
  delays.enable();
  const startMs = performance.now();
  const swept = await store.sweepStaged(60_000);
  const tookMs = performance.now() - startMs;
  delays.disable();
  clearInterval(sampling);
  if (swept !== count) throw new Error(`${swept} of ${count} files were swept`);
  return {
    microseconds: (tookMs * 1000) / count,
    blockedMs: delays.max / 1e6,
    grownMb: (peakBytes - startBytes) / 1024 ** 2,
  };
}

/** Runs it so often, some at once; answers how often a second. */
async function perSecond(times: number, run: () => Promise<void>): Promise<number> {
  let left = times;
  const startMs = performance.now();
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      while (left-- > 0) await run();
    }),
  );
  return (times * 1000) / (performance.now() - startMs);
}
