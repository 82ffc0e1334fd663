import type { BlobStore } from "#platform/blob/blob-store.ts";
import type { Kysely } from "#platform/db/database.ts";
import { repeatEvery } from "#platform/module/repeat.ts";
import type { Logger } from "#platform/observe/log.ts";
import type { Metrics } from "#platform/observe/metrics.ts";
import { closeHours } from "./hour-closing.ts";
import { proveNextHour, readProof } from "./hour-proof.ts";
import { dropOld } from "./retention.ts";
import type { Tables } from "./tables.ts";

const everyMs = 5 * 60_000;

interface Upkeep {
  db: Kysely<Tables>;
  blobs: BlobStore;
  rawDays: number;
  log: Logger;
  metrics: Metrics;
}

/**
 * Closes hours, proves them and drops what is old, now and then. Any process may do it: where several do, each takes what
 * the others do not have. Returns what ends it.
 */
export function startUpkeep(upkeep: Upkeep): () => Promise<void> {
  const { log, metrics } = upkeep;
  const differences = metrics.level(
    "douya_plays_differences",
    "Figures of videos in closed hours that differ from what players told",
  );
  const lateSeconds = metrics.level(
    "douya_plays_unproven_seconds",
    "For how long the oldest hour of plays could have been closed and proven",
  );
  return repeatEvery(
    everyMs,
    async (stopping) => {
      try {
        await keepUp(upkeep, Date.now(), stopping);
      } finally {
        const state = await readProof(upkeep.db, Date.now());
        differences.set(state.differences);
        lateSeconds.set(state.lateMs / 1000);
      }
    },
    (error) => log.warn({ err: error }, "could not close, prove or drop hours of plays"),
  );
}

export async function keepUp(
  { db, blobs, rawDays, log }: Omit<Upkeep, "metrics">,
  nowMs: number,
  stopping?: AbortSignal,
): Promise<void> {
  await closeHours(db, nowMs);
  for (;;) {
    stopping?.throwIfAborted();
    const proven = await proveNextHour(db, nowMs);
    if (!proven) break;
    const { startMs, drifts, first } = proven;
    if (drifts > 0)
      log.error(
        { hour: new Date(startMs).toISOString(), differences: drifts, first },
        "the figures of an hour differ from what players told",
      );
  }
  await dropOld({ db, blobs, rawDays }, nowMs, stopping);
}
