import { setTimeout as delay } from "node:timers/promises";
import type { Pool } from "pg";
import type { Logger } from "../observe/log.ts";
import { partitionCount } from "./partitions.ts";

const day = 86_400_000;
const rowsAtOnce = 5_000;
/** Lets others have the disk between two batches. */
const pauseMs = 20;

export interface Retention {
  stop(): Promise<void>;
}

/** Removes old events now and then; of several processes one does it. */
export function startRetention(
  pool: Pool,
  options: { log: Logger; keepMs?: number; everyMs?: number },
): Retention {
  const { log, keepMs = 7 * day, everyMs = 60_000 } = options;
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

/** Removes events older than `keepMs` that every group has passed; tells how many. */
export async function sweepLog(pool: Pool, keepMs: number, signal?: AbortSignal): Promise<number> {
  let removed = 0;
  for (let partition = 0; partition < partitionCount; partition++) {
    for (let more = true; more && !signal?.aborted; ) {
      const { rowCount } = await pool.query(
        // The oldest first, looking no further than one batch: what follows is younger.
        `with passed as (
           select min(position) as position, pg_try_advisory_xact_lock(hashtextextended('events.retention', 0)) as mine
           from events.consumer where partition = $1
         ), oldest as (
           select l.position, l.at from events.log l, passed
           where l.partition = $1 and l.position <= coalesce(passed.position, l.position)
             and passed.mine
           order by l.position limit $3
         )
         delete from events.log l using oldest
         where l.partition = $1 and l.position = oldest.position
           and oldest.at < now() - $2 * interval '1 ms'`,
        [partition, keepMs, rowsAtOnce],
      );
      removed += rowCount ?? 0;
      more = rowCount === rowsAtOnce;
      if (more) await delay(pauseMs);
    }
  }
  return removed;
}
