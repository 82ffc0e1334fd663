import { setTimeout as delay } from "node:timers/promises";
import type { Pool } from "pg";
import { maxId } from "../../ids/snowflake.ts";
import type { Logger } from "../../observe/log.ts";
import { lineOf, partitionsAfter, readPartitioning } from "../partitions.ts";
import { readOrigin } from "./table-source.ts";

const day = 86_400_000;
const rowsAtOnce = 5_000;
/** Between two batches, so that others get to the disk. */
const pauseMs = 20;

export interface Retention {
  stop(): Promise<void>;
}

/**
 * Removes old events periodically; of several processes only one at a time does it. Groups of `elsewhere`, the other
 * databases, may consume this log too.
 */
export function startRetention(
  pool: Pool,
  options: { log: Logger; elsewhere?: () => readonly Pool[]; keepMs?: number; everyMs?: number },
): Retention {
  const { log, elsewhere = () => [], keepMs = 7 * day, everyMs = 600_000 } = options;
  const stopping = new AbortController();
  const run = async () => {
    while (!stopping.signal.aborted) {
      await sweepLog(pool, keepMs, { elsewhere: elsewhere(), signal: stopping.signal }).catch((error) =>
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

/**
 * Removes events older than `keepMs` that every group has passed; returns how many. While one of the databases
 * `elsewhere` cannot be asked, nothing is removed.
 */
export async function sweepLog(
  pool: Pool,
  keepMs: number,
  { elsewhere = [], signal }: { elsewhere?: readonly Pool[]; signal?: AbortSignal } = {},
): Promise<number> {
  const passed = await passedElsewhere(pool, elsewhere);
  const partitions = partitionsAfter(await readPartitioning(pool));
  let removed = 0;
  for (const one of partitions) {
    // A group that does not know yet that a partition was split has its offset in the parent.
    const line = lineOf(one, partitions);
    const passedBy = line.map((partition) => passed.get(partition) ?? maxId);
    for (let more = true; more && !signal?.aborted; ) {
      const { rowCount } = await pool.query(
        // The oldest first, and no further than one batch, because what follows is younger. Arrays and scalar subqueries
        // use the primary key, whatever the planner estimates.
        `delete from events.log where partition = $1 and position = any(array(
           select position from (
             select position, at from events.log
             where partition = $1
               and position <= (
                 select coalesce(min(position), 9223372036854775807) from events.consumer
                 where partition = any($5::int2[]) and origin = events.own_origin()
               )
               and position <= $4
               and (select pg_try_advisory_xact_lock(hashtextextended('events.retention', 0)))
             order by position limit $3
           ) oldest where at < now() - $2 * interval '1 ms'
         ))`,
        [one.partition, keepMs, rowsAtOnce, least(passedBy), line],
      );
      removed += rowCount ?? 0;
      more = rowCount === rowsAtOnce;
      if (more) await delay(pauseMs);
    }
  }
  return removed;
}

/** By partition, the least position that groups in other databases have handled of this log. */
async function passedElsewhere(pool: Pool, elsewhere: readonly Pool[]): Promise<Map<number, bigint>> {
  const passed = new Map<number, bigint>();
  if (elsewhere.length === 0) return passed;
  const origin = await readOrigin(pool);
  for (const other of elsewhere) {
    const { rows } = await other.query<{ partition: number; position: string }>(
      "select partition, min(position) as position from events.consumer where origin = $1 group by 1",
      [origin],
    );
    for (const { partition, position } of rows) {
      const least = passed.get(partition);
      if (least === undefined || BigInt(position) < least) passed.set(partition, BigInt(position));
    }
  }
  return passed;
}

function least(positions: readonly bigint[]): bigint {
  return positions.reduce((one, other) => (one < other ? one : other));
}
