import { sql } from "kysely";
import type { Pool } from "pg";
import type { Transaction } from "../../db/database.ts";
import type { LogRow } from "../log/log-row.ts";
import type { AssignedPartition } from "./assignment.ts";
import { ClaimLost } from "./handler-transaction.ts";

/** An event and the database whose it is. */
interface LetterRow extends LogRow {
  origin: string;
}

/** The events that a group could not handle, with the reason. */
export interface DeadLetters {
  /** Parks an event, in the transaction that moves the offset past it. */
  park(on: Transaction<unknown>, row: LetterRow, error: unknown, attempts: number): Promise<void>;
  /** Those that an operator has marked to be replayed. */
  due(partitions: AssignedPartition[]): Promise<LetterRow[]>;
  /** Deletes one in the transaction of its effect: a Claim. Error: ClaimLost when it is no longer there. */
  claim(on: Transaction<unknown>, row: LetterRow): Promise<number>;
  /** Stores that its replay has failed. */
  putBack(row: LetterRow, error: unknown): Promise<void>;
}

export function createDeadLetters(pool: Pool, group: string): DeadLetters {
  return {
    async park(on, row, error, attempts) {
      await sql`
        insert into events.dead (group_name, origin, position, partition, type, key, payload, trace_id, at, reason, attempts)
        values (${group}, ${row.origin}, ${row.position}, ${row.partition}, ${row.type}, ${row.key}, ${row.payload},
          ${row.trace_id}, ${row.at}, ${reasonOf(error)}, ${attempts})
        on conflict (group_name, origin, position) do update
          set reason = excluded.reason, attempts = excluded.attempts, parked_at = now(), replay = false`.execute(
        on,
      );
    },
    async due(partitions) {
      const { rows } = await pool.query<LetterRow>(
        `select origin, partition, position, type, key, payload, trace_id, at from events.dead d
         where group_name = $1 and replay and (origin, partition) in (select * from unnest($2::uuid[], $3::int2[]))
           -- An earlier one of its key, from before their partition was split, may be due to another member.
           and not exists (
             select from events.dead e where e.group_name = $1 and e.origin = d.origin and e.key = d.key
               and e.partition <> d.partition and e.position < d.position and e.replay
           )
         order by position limit 100`,
        [group, partitions.map(({ origin }) => origin), partitions.map(({ partition }) => partition)],
      );
      return rows;
    },
    async claim(on, row) {
      const { rows } = await sql<{ pid: number }>`
        delete from events.dead where group_name = ${group} and origin = ${row.origin} and position = ${row.position}
          and replay
        returning pg_backend_pid() as pid`.execute(on);
      if (rows.length === 0) throw new ClaimLost();
      return rows[0]!.pid;
    },
    async putBack(row, error) {
      await pool.query(
        `update events.dead set replay = false, attempts = attempts + 1, reason = $3, parked_at = now()
         where group_name = $1 and position = $2 and origin = $4 and replay`,
        [group, row.position, reasonOf(error), row.origin],
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
