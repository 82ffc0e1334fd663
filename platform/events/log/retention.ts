import { setTimeout as delay } from "node:timers/promises";
import type { Pool } from "pg";
import type { Logger } from "../../observe/log.ts";
import { partitionCount } from "../partitions.ts";

const day = 86_400_000;
const rowsAtOnce = 5_000;
/** Between two batches, so that others get to the disk. */
const pauseMs = 20;

export interface Retention {
  stop(): Promise<void>;
}

/** Removes old events periodically; of several processes only one at a time does it. */
export function startRetention(
  pool: Pool,
  options: { log: Logger; keepMs?: number; everyMs?: number },
): Retention {
  const { log, keepMs = 7 * day, everyMs = 600_000 } = options;
  const stopping = new AbortController();
  const run = async () => {
    while (!stopping.signal.aborted) {
      await sweepLog(pool, keepMs, stopping.signal).catch((error) =>
        log.warn({ err: error }, "could not remove old events"),
      );
      await delay(everyMs, undefined, { signal: stopping.signal }).catch(() => {});
    }
  };
  const running = run();
  return {
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

/** Removes events older than `keepMs` that every group has passed; returns how many. */
export async function sweepLog(pool: Pool, keepMs: number, signal?: AbortSignal): Promise<number> {
  let removed = 0;
  for (let partition = 0; partition < partitionCount; partition++) {
    for (let more = true; more && !signal?.aborted; ) {
      const { rowCount } = await pool.query(
        // The oldest first, and no further than one batch, because what follows is younger. Arrays and scalar subqueries
        // use the primary key, whatever the planner estimates.
        `delete from events.log where partition = $1 and position = any(array(
           select position from (
             select position, at from events.log
             where partition = $1
               and position <= (
                 select coalesce(min(position), 9223372036854775807) from events.consumer where partition = $1
               )
               and (select pg_try_advisory_xact_lock(hashtextextended('events.retention', 0)))
             order by position limit $3
           ) oldest where at < now() - $2 * interval '1 ms'
         ))`,
        [partition, keepMs, rowsAtOnce],
      );
      removed += rowCount ?? 0;
      more = rowCount === rowsAtOnce;
      if (more) await delay(pauseMs);
    }
  }
  return removed;
}
