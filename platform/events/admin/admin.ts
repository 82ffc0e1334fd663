import type { Pool } from "pg";
import type { DomainError } from "../../errors/domain-error.ts";
import { refusal } from "../../errors/reasons.ts";
import { atEnd } from "../consumer/offsets.ts";

export interface DeadLetter {
  group: string;
  /** Its position in the log of the group's database, or `position@database` in another one. */
  id: string;
  type: string;
  key: string;
  payload: Buffer;
  at: Date;
  reason: string;
  attempts: number;
  parkedAt: Date;
  /** Marked by an operator to be replayed. */
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

const letterId = `position || case when origin = events.own_origin() then '' else '@' || left(origin::text, 8) end`;

/** Dead letters, the latest first, at most `limit`. */
export async function deadLetters(
  pool: Pool,
  group: string | undefined,
  limit: number,
): Promise<DeadLetter[]> {
  const { rows } = await pool.query<DeadLetter>(
    `select group_name as group, ${letterId} as id, type, key, payload, at, reason, attempts,
       parked_at as "parkedAt", replay
     from events.dead where $1::text is null or group_name = $1 order by parked_at desc, position desc limit $2`,
    [group ?? null, limit],
  );
  return rows;
}

/**
 * Marks dead letters; returns how many. The consumers of their group replay them within seconds, or as soon as one runs.
 * Error: NO_DEAD_LETTER.
 */
export async function replay(pool: Pool, which: { group?: string; id?: string }): Promise<number> {
  const { rowCount } = await pool.query(
    `update events.dead set replay = true
     where ($1::text is null or group_name = $1) and ($2::text is null or ${letterId} = $2)`,
    [which.group ?? null, which.id ?? null],
  );
  if (!rowCount) throw refusal("NO_DEAD_LETTER");
  return rowCount;
}

/** Gives one dead letter up for good: its effect on the group never comes. Error: NO_DEAD_LETTER. */
export async function drop(pool: Pool, which: { group: string; id: string }): Promise<void> {
  const { rowCount } = await pool.query(
    `delete from events.dead where group_name = $1 and ${letterId} = $2`,
    [which.group, which.id],
  );
  if (!rowCount) throw refusal("NO_DEAD_LETTER");
}

/**
 * Sets the offsets of a group to the `start`, so that it handles everything again, or to the `end`, so that it skips its
 * backlog. Running consumers notice within seconds. A batch that one of them is handling commits before this or fails.
 * Error: NO_SUCH_GROUP.
 */
export async function reset(pool: Pool, group: string, to: "start" | "end"): Promise<void> {
  const { rowCount } = await pool.query(
    `update events.consumer c set owner = null, term = term + 1, position = case
       when $2 = 'start' then 0 when c.origin = h.origin then h.position else ${atEnd} end
     from (select events.horizon() as position, events.own_origin() as origin offset 0) h
     where group_name = $1`,
    [group, to],
  );
  if (!rowCount) throw noSuchGroup(group);
}

/** Removes a group that is no longer used, with its dead letters, because the log is retained for every known group. */
export async function forget(pool: Pool, group: string): Promise<void> {
  const client = await pool.connect();
  let failure: Error | undefined;
  try {
    // Nobody joins a group meanwhile.
    await client.query("begin; lock table events.member in share row exclusive mode");
    const { rows } = await client.query<{ alive: boolean; known: boolean }>(
      `select exists (
           select from events.member m join lease.process p on p.id = m.id
           where m.group_name = $1 and p.expires_at > now()
         ) as alive,
         exists (select from events.consumer_group where group_name = $1) as known`,
      [group],
    );
    if (!rows[0]!.known) throw noSuchGroup(group);
    if (rows[0]!.alive) throw refusal("GROUP_IN_USE", { group });
    // The group first: whoever enters partitions for it waits for this.
    for (const table of ["consumer_group", "dead", "consumer", "member"])
      await client.query(`delete from events.${table} where group_name = $1`, [group]);
    await client.query("commit");
  } catch (error) {
    failure = error as Error;
    throw error;
  } finally {
    // A closed connection rolls back.
    client.release(failure);
  }
}

/** The events after a position, in log order; without a position, the newest. */
export async function readTail(
  pool: Pool,
  which: { after?: string; types?: string[]; limit: number },
): Promise<LoggedEvent[]> {
  const { rows: stable } = await pool.query<{ upto: string }>("select events.horizon() as upto");
  // The primary key begins with the partition, so up to `limit` rows of each are read and then merged.
  const order = which.after === undefined ? "desc" : "asc";
  const { rows } = await pool.query<LoggedEvent>(
    `select l.* from generate_series(0, events.partitions() - 1) p cross join lateral (
       select position, type, key, payload, trace_id as "traceId", at from events.log
       where partition = p and position > $1 and position <= $2 and ($3::text[] is null or type = any($3))
       order by position ${order} limit $4
     ) l order by position ${order} limit $4`,
    [which.after ?? 0, stable[0]!.upto, which.types ?? null, which.limit],
  );
  return order === "asc" ? rows : rows.reverse();
}

function noSuchGroup(group: string): DomainError {
  return refusal("NO_SUCH_GROUP", { group });
}
