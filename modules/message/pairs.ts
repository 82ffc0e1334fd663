import { type Selectable, sql } from "kysely";
import type { Queryable } from "#platform/db/database.ts";
import type { Tables } from "./tables.ts";

/** A conversation as one of the two sees it. */
export interface Pair {
  userId: string;
  peerId: string;
}

export interface MessageRow {
  id: string;
  sender_id: string;
  /** The other person, or the group. */
  receiver_id: string;
  content: string;
  in_group?: boolean;
  /** NoticeKind; null if somebody has written it. */
  notice?: number | null;
  /** Whom the notice concerns. */
  people?: string[] | null;
}

/** A message `m` as a MessageRow. */
export const messageColumns = sql`m.id, m.sender_id,
  case when m.low_id = 0 then m.high_id else m.low_id + (m.high_id - m.sender_id) end as receiver_id, m.content,
  m.low_id = 0 as in_group, m.notice, case when m.notice is not null then array(
    select user_id::text from message.notice_person n where n.group_id = m.high_id and n.message_id = m.id
  ) end as people`;

export function pairKey(userId: string, peerId: string): string {
  return `${userId} ${peerId}`;
}

/** The same key for both directions. */
export function conversationKey(userId: string, peerId: string): string {
  return BigInt(userId) < BigInt(peerId) ? pairKey(userId, peerId) : pairKey(peerId, userId);
}

/** Rows `p(user_id, peer_id)`. */
export function unnest(pairs: Pair[]) {
  return sql`unnest(${pairs.map((pair) => pair.userId)}::int8[], ${pairs.map((pair) => pair.peerId)}::int8[]) as p(user_id, peer_id)`;
}

/** Locks rows in the order of ids, so that two transactions never deadlock. */
export async function lock(on: Queryable<Tables>, pairs: Pair[]) {
  const { rows } = await sql<Selectable<Omit<Tables["conversation"], "unread" | "read_id">>>`
    select c.user_id, c.peer_id, c.last_id, c.to_stranger, c.answered, c.muted
    from ${unnest(pairs)} join message.conversation c on c.user_id = p.user_id and c.peer_id = p.peer_id
    order by c.user_id, c.peer_id for update of c`.execute(on);
  return new Map(rows.map((row) => [pairKey(row.user_id, row.peer_id), row]));
}
