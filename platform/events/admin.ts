import type { Pool } from "pg";
import { DomainError } from "../errors/domain-error.ts";
import { partitionCount } from "./partitions.ts";

export interface DeadLetter {
  group: string;
  /** Its position in the log. */
  id: string;
  type: string;
  key: string;
  payload: Buffer;
  at: Date;
  reason: string;
  attempts: number;
  parkedAt: Date;
  /** Marked, and about to be handled again. */
  replay: boolean;
}

export interface LoggedEvent {
  position: string;
  type: string;
  key: string;
  payload: Buffer;
  traceId: string | null;
  at: Date;
}

/** Events that could not be handled, the latest first, at most `limit`. */
export async function deadLetters(
  pool: Pool,
  group: string | undefined,
  limit: number,
): Promise<DeadLetter[]> {
  const { rows } = await pool.query<DeadLetter>(
    `select group_name as group, position as id, type, key, payload, at, reason, attempts,
       parked_at as "parkedAt", replay
     from events.dead where $1::text is null or group_name = $1 order by parked_at desc, position desc limit $2`,
    [group ?? null, limit],
  );
  return rows;
}

/**
 * Has dead letters handled again by the consumers of their group, within seconds when one runs and else as soon as
 * one does; tells how many. Error: NO_DEAD_LETTER.
 */
export async function replay(pool: Pool, which: { group?: string; id?: string }): Promise<number> {
  const { rowCount } = await pool.query(
    `update events.dead set replay = true
     where ($1::text is null or group_name = $1) and ($2::int8 is null or position = $2)`,
    [which.group ?? null, which.id ?? null],
  );
  if (!rowCount) throw new DomainError("not-found", "NO_DEAD_LETTER", "There is no such dead letter.");
  return rowCount;
}

/** Gives one dead letter up for good: its effect on the group never comes. Error: NO_DEAD_LETTER. */
export async function drop(pool: Pool, which: { group: string; id: string }): Promise<void> {
  const { rowCount } = await pool.query("delete from events.dead where group_name = $1 and position = $2", [
    which.group,
    which.id,
  ]);
  if (!rowCount) throw new DomainError("not-found", "NO_DEAD_LETTER", "There is no such dead letter.");
}

/**
 * Lets a group handle everything again (`start`) or skip what it has not handled (`end`). Consumers that run notice
 * within seconds; what one of them has under way is committed before or not at all. Error: NO_SUCH_GROUP.
 */
export async function reset(pool: Pool, group: string, to: "start" | "end"): Promise<void> {
  const { rowCount } = await pool.query(
    `update events.consumer set owner = null, term = term + 1, position = h.position
     from (select case when $2 = 'end' then events.horizon() else 0 end as position offset 0) h
     where group_name = $1`,
    [group, to],
  );
  if (!rowCount) throw noSuchGroup(group);
}

/** Removes a group that is not used any more, with its dead letters: the log is kept for every group there is. */
export async function forget(pool: Pool, group: string): Promise<void> {
  const { rows } = await pool.query<{ alive: boolean; known: boolean }>(
    `select exists (select from events.member where group_name = $1 and expires_at > now()) as alive,
       exists (select from events.consumer_group where group_name = $1) as known`,
    [group],
  );
  if (!rows[0]!.known) throw noSuchGroup(group);
  if (rows[0]!.alive)
    throw new DomainError(
      "conflict",
      "GROUP_IN_USE",
      `A running process consumes as ${group}. Stop it first.`,
    );
  for (const table of ["dead", "consumer", "member", "consumer_group"])
    await pool.query(`delete from events.${table} where group_name = $1`, [group]);
}

/** Events above a position, in the order of the log; without one, the newest. */
export async function readTail(
  pool: Pool,
  which: { after?: string; types?: string[]; limit: number },
): Promise<LoggedEvent[]> {
  const { rows: horizon } = await pool.query<{ upto: string }>("select events.horizon() as upto");
  // The primary key begins with the partition: the end of each is read, and the best of those are kept.
  const order = which.after === undefined ? "desc" : "asc";
  const { rows } = await pool.query<LoggedEvent>(
    `select l.* from generate_series(0, ${partitionCount - 1}) p cross join lateral (
       select position, type, key, payload, trace_id as "traceId", at from events.log
       where partition = p and position > $1 and position <= $2 and ($3::text[] is null or type = any($3))
       order by position ${order} limit $4
     ) l order by position ${order} limit $4`,
    [which.after ?? 0, horizon[0]!.upto, which.types ?? null, which.limit],
  );
  return order === "asc" ? rows : rows.reverse();
}

function noSuchGroup(group: string): DomainError {
  return new DomainError("not-found", "NO_SUCH_GROUP", `There is no group ${group}. See: douya events lag.`);
}
