import { sql } from "kysely";
import type { Queryable } from "#platform/db/database.ts";
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
    Pick<Tables["conversation"], "user_id" | "peer_id" | "last_id" | "to_stranger" | "answered">
  >`
    select c.user_id, c.peer_id, c.last_id, c.to_stranger, c.answered
    from ${unnest(pairs)} join message.conversation c on c.user_id = p.user_id and c.peer_id = p.peer_id
    order by c.user_id, c.peer_id for update of c`.execute(on);
  return new Map(rows.map((row) => [pairKey(row.user_id, row.peer_id), row]));
}
