import { type Selectable, sql } from "kysely";
import type { Queryable } from "#platform/db/database.ts";
import { lockGroup } from "./group-transaction.ts";
import type { Tables } from "./tables.ts";

/** A conversation as one of the two sees it. */
export interface Pair {
  userId: string;
  peerId: string;
}

export function pairKey(userId: string, peerId: string): string {
  return `${userId} ${peerId}`;
}

/** The ids of a conversation, as messages have them. */
export function inOrder(userId: string, peerId: string): [lowId: string, highId: string] {
  return BigInt(userId) < BigInt(peerId) ? [userId, peerId] : [peerId, userId];
}

/** The same key for both directions. */
export function conversationKey(userId: string, peerId: string): string {
  return pairKey(...inOrder(userId, peerId));
}

/** Rows `p(user_id, peer_id)`. */
export function unnest(pairs: Pair[]) {
  return sql`unnest(${pairs.map((pair) => pair.userId)}::int8[], ${pairs.map((pair) => pair.peerId)}::int8[]) as p(user_id, peer_id)`;
}

/** Locks rows in the order of ids, so that two transactions never deadlock. */
export async function lock(on: Queryable<Tables>, pairs: Pair[]) {
  const { rows } = await sql<
    Pick<
      Selectable<Tables["conversation"]>,
      "user_id" | "peer_id" | "last_id" | "to_stranger" | "answered" | "muted"
    >
  >`
    select c.user_id, c.peer_id, c.last_id, c.to_stranger, c.answered, c.muted
    from ${unnest(pairs)} join message.conversation c on c.user_id = p.user_id and c.peer_id = p.peer_id
    order by c.user_id, c.peer_id for update of c`.execute(on);
  return new Map(rows.map((row) => [pairKey(row.user_id, row.peer_id), row]));
}

/** The same of places in groups: rows of members, with groups as peers. By group and person. */
export async function lockPlaces(on: Queryable<Tables>, pairs: readonly Pair[]) {
  const { rows } = await sql<{ group_id: string; user_id: string; silent_until_ms: string }>`
    select m.group_id, m.user_id, m.silent_until_ms
    from unnest(${pairs.map((one) => one.peerId)}::int8[], ${pairs.map((one) => one.userId)}::int8[])
      as w(group_id, user_id)
    join message.member m on m.group_id = w.group_id and m.user_id = w.user_id
    order by m.group_id, m.user_id for update of m`.execute(on);
  return new Map(rows.map((row) => [pairKey(row.group_id, row.user_id), row]));
}

/** Locks what one person has of a conversation, or of a group: what is said meanwhile is counted before or after. */
export async function lockOwn(on: Queryable<Tables>, pair: Pair): Promise<void> {
  await lockGroup(on, pair.peerId, pair.userId);
  await lock(on, [pair]);
  await lockPlaces(on, [pair]);
}
