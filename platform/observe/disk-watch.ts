import { statfs } from "node:fs/promises";
import type { Logger } from "./log.ts";
import { onDiskFull } from "./log.ts";
import type { Metrics } from "./metrics.ts";

/** Less than a segment of PostgreSQL's log: the next write may fail. */
const fullBelowBytes = 16 * 2 ** 20;
/** A full disk of a remote database counts as free again if no write has failed for this long. */
const elsewhereMs = 30_000;
const lookEveryMs = 1_000;

export interface DiskWatch {
  /** Why nothing can be saved now; undefined if it can. */
  problem(): Promise<string | undefined>;
  stop(): void;
}

/** Notices that the disk of `dir`, or of the database, is full; logs it once, and once when it is over. */
export function watchDisk(dir: string, { log, metrics }: { log: Logger; metrics: Metrics }): DiskWatch {
  let full = false;
  let freeBytes = Number.POSITIVE_INFINITY;
  let sizeBytes = Number.POSITIVE_INFINITY;
  let failedAtMs = Number.NEGATIVE_INFINITY;
  let ours = true;

  async function look(): Promise<void> {
    const found = await statfs(dir).catch(() => undefined);
    if (found) {
      freeBytes = found.bavail * found.bsize;
      sizeBytes = found.blocks * found.bsize;
    }
    const low = freeBytes < fullBelowBytes;
    const elsewhere = !ours && performance.now() - failedAtMs < elsewhereMs;
    set(low || elsewhere);
  }

  function set(now: boolean): void {
    if (now === full) return;
    full = now;
    if (full)
      log.error({ reason: "DISK_FULL", dir }, "the disk is full: nothing can be saved, reading goes on");
    else log.warn({ dir }, "the disk has room again");
  }

  onDiskFull(log, () => {
    failedAtMs = performance.now();
    // If our own disk has room, another one is full, or ours was for a moment.
    void look().then(() => {
      ours = full && freeBytes < fullBelowBytes;
      if (!ours) set(true);
    });
  });
  metrics.gauge("douya_disk_full", "Whether nothing can be saved because the disk is full", () =>
    Number(full),
  );
  metrics.gauge("douya_disk_free_bytes", "Room on the disk of the data folder", () => freeBytes);
  metrics.gauge("douya_disk_size_bytes", "Size of the disk of the data folder", () => sizeBytes);
  const looking = setInterval(look, lookEveryMs).unref();
  void look();

  return {
    async problem() {
      await look();
      return full ? `DISK_FULL: nothing can be saved; free some space for ${dir}` : undefined;
    },
    stop: () => clearInterval(looking),
  };
}
