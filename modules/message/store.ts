import { sql } from "kysely";
import { AccountsDeleted } from "#contracts/deleted-accounts.ts";
import type { TimelineHead } from "#contracts/timelines.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import { lock, type MessageRow, messageColumns, type Pair, pairKey, unnest } from "./pairs.ts";
import type { Tables } from "./tables.ts";
import { append } from "./timeline-store.ts";

export interface ReadCommand extends Pair {
  upToId: string;
}

/** A range of messages next to an id, in one direction. */
export type Range = { beforeId: string } | { afterId: string };

/** The SQL of the module, except for sending. */
export function messageStore(db: Kysely<Tables>) {
  const moveAll = (commands: ReadCommand[]): Promise<TimelineHead[]> =>
    inTransaction(db, async (transaction) => {
      // Waits for transactions that are sending; the next statement sees everything that they sent.
      await lock(transaction, commands);
      const moved = await moveReadPositions(transaction, commands);
      const atMs = Date.now();
      const entries = moved.flatMap(({ user_id, peer_id, read_id, change }) => {
        const entry = { kind: "read", atMs, subjectId: read_id, actorId: user_id } as const;
        return [
          { ...entry, userId: user_id, peerId: peer_id, unread: change },
          { ...entry, userId: peer_id, peerId: user_id, unread: 0 },
        ];
      });
      return entries.length > 0 ? append(transaction, entries) : [];
    });
  return {
    /**
     * Moves many read positions in one transaction, with the counts; returns whose timelines have got how far. No two
     * may be of the same person and peer.
     */
    async markRead(commands: ReadCommand[]): Promise<TimelineHead[]> {
      try {
        return await moveAll(commands);
      } catch (error) {
        if (!(error instanceof AccountsDeleted)) throw error;
        // Deleted since the transaction began: they have read enough, and are told no more.
        return this.markRead(commands.filter(({ userId }) => !error.ids.has(userId)));
      }
    },
    /** Up to `limit` messages, the oldest first. */
    async messages({ userId, peerId }: Pair, range: Range, limit: number): Promise<MessageRow[]> {
      const back = "beforeId" in range;
      const { rows } = await sql<MessageRow>`
        select ${messageColumns} from message.message m
        where low_id = least(${userId}::int8, ${peerId}::int8) and high_id = greatest(${userId}::int8, ${peerId}::int8)
          and ${back ? sql`id < ${range.beforeId}::int8` : sql`id > ${range.afterId}::int8`}
        order by id ${back ? sql`desc` : sql`asc`} limit ${limit}`.execute(db);
      return back ? rows.reverse() : rows;
    },
    /** A person's conversations whose latest message is before this one, latest first. */
    async conversations(userId: string, beforeId: string, limit: number) {
      const { rows } = await sql<MessageRow & { peer_id: string; unread: number; read_id: string }>`
        select c.peer_id, c.unread, c.read_id, ${messageColumns}
        from message.conversation c ${withLatest}
        where c.user_id = ${userId}::int8 and c.last_id < ${beforeId}::int8
        order by c.last_id desc limit ${limit}`.execute(db);
      return rows;
    },
    /** The latest message of each of these pairs. */
    async latest(pairs: Pair[]): Promise<(MessageRow | undefined)[]> {
      const { rows } = await sql<MessageRow & { user_id: string; peer_id: string }>`
        select c.user_id, c.peer_id, ${messageColumns}
        from ${unnest(pairs)} join message.conversation c on c.user_id = p.user_id and c.peer_id = p.peer_id
          ${withLatest}`.execute(db);
      const found = new Map(rows.map((row) => [pairKey(row.user_id, row.peer_id), row]));
      return pairs.map(({ userId, peerId }) => found.get(pairKey(userId, peerId)));
    },
    /** How many unread messages each of these people has. */
    async unread(userIds: string[]): Promise<number[]> {
      const rows = await db
        .selectFrom("person")
        .selectAll()
        .where("user_id", "=", sql<string>`any(${userIds}::int8[])`)
        .execute();
      const found = new Map(rows.map((row) => [row.user_id, Number(row.unread)]));
      return userIds.map((id) => found.get(id) ?? 0);
    },
  };
}

export type MessageStore = ReturnType<typeof messageStore>;

const withLatest = sql`join message.message m
  on m.low_id = least(c.user_id, c.peer_id) and m.high_id = greatest(c.user_id, c.peer_id) and m.id = c.last_id`;

/** The rows are locked. A position never goes back, and never beyond the last message. Returns those that moved. */
async function moveReadPositions(on: Queryable<Tables>, commands: ReadCommand[]) {
  const { rows } = await sql<{ user_id: string; peer_id: string; read_id: string; change: number }>`
    with moved as materialized (
      select c.user_id, c.peer_id, c.unread as was, least(w.up_to_id, c.last_id) as read_id, rest.unread
      from unnest(${commands.map((command) => command.userId)}::int8[], ${commands.map((command) => command.peerId)}::int8[],
        ${commands.map((command) => command.upToId)}::int8[]) as w(user_id, peer_id, up_to_id)
      join message.conversation c on c.user_id = w.user_id and c.peer_id = w.peer_id
      cross join lateral (
        select count(*)::int4 as unread from message.message m
        where m.low_id = least(c.user_id, c.peer_id) and m.high_id = greatest(c.user_id, c.peer_id)
          and m.id > w.up_to_id and m.sender_id = c.peer_id
      ) rest
      where least(w.up_to_id, c.last_id) > c.read_id
    )
    update message.conversation c set read_id = m.read_id, unread = m.unread
    from moved m where c.user_id = m.user_id and c.peer_id = m.peer_id
    returning c.user_id, c.peer_id, c.read_id, m.unread - m.was as change`.execute(on);
  return rows;
}
