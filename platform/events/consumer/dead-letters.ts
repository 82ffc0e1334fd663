import { sql } from "kysely";
import type { Pool } from "pg";
import type { Transaction } from "../../db/database.ts";
import type { LogRow } from "../log/log-row.ts";
import { ClaimLost } from "./handler-transaction.ts";

/** The events that a group could not handle, with the reason. */
export interface DeadLetters {
  /** Parks an event, in the transaction that moves the offset past it. */
  park(on: Transaction<unknown>, row: LogRow, error: unknown, attempts: number): Promise<void>;
  /** Those that an operator has marked to be replayed. */
  due(partitions: number[]): Promise<LogRow[]>;
  /** Deletes one in the transaction of its effect: a Claim. Error: ClaimLost when it is no longer there. */
  claim(on: Transaction<unknown>, row: LogRow): Promise<number>;
  /** Stores that its replay has failed. */
  putBack(row: LogRow, error: unknown): Promise<void>;
}

export function createDeadLetters(pool: Pool, group: string): DeadLetters {
  return {
    async park(on, row, error, attempts) {
      await sql`
        insert into events.dead (group_name, position, partition, type, key, payload, trace_id, at, reason, attempts)
        values (${group}, ${row.position}, ${row.partition}, ${row.type}, ${row.key}, ${row.payload},
          ${row.trace_id}, ${row.at}, ${reasonOf(error)}, ${attempts})
        on conflict (group_name, position) do update
          set reason = excluded.reason, attempts = excluded.attempts, parked_at = now(), replay = false`.execute(
        on,
      );
    },
    async due(partitions) {
      const { rows } = await pool.query<LogRow>(
        `select partition, position, type, key, payload, trace_id, at from events.dead
         where group_name = $1 and replay and partition = any($2::int2[]) order by position limit 100`,
        [group, partitions],
      );
      return rows;
    },
    async claim(on, row) {
      const { rows } = await sql<{ pid: number }>`
        delete from events.dead where group_name = ${group} and position = ${row.position} and replay
        returning pg_backend_pid() as pid`.execute(on);
      if (rows.length === 0) throw new ClaimLost();
      return rows[0]!.pid;
    },
    async putBack(row, error) {
      await pool.query(
        `update events.dead set replay = false, attempts = attempts + 1, reason = $3, parked_at = now()
         where group_name = $1 and position = $2 and replay`,
        [group, row.position, reasonOf(error)],
      );
    },
  };
}

function reasonOf(error: unknown): string {
  return String(error).slice(0, 2000);
}

/** Counting ends here, for each group. */
const maxCounted = 1_000;

/** Number of dead letters of each group that has any. */
export async function countDeadLetters(pool: Pool): Promise<{ group: string; count: number }[]> {
  const { rows } = await pool.query<{ group: string; count: number }>(
    `select g.group_name as group, d.count from events.consumer_group g cross join lateral (
       select count(*)::int from (select from events.dead where group_name = g.group_name limit $1) counted
     ) d where d.count > 0 order by 1`,
    [maxCounted],
  );
  return rows;
}
