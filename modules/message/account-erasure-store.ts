import { sql } from "kysely";
import type { Kysely } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { countLess } from "./act-store.ts";
import { isShown } from "./message-row.ts";
import { lock } from "./pairs.ts";
import { dropPictures } from "./picture-store.ts";
import type { Tables } from "./tables.ts";
import { entryKinds } from "./timeline-store.ts";

/** Messages removed in one transaction. */
const chunk = 2_000;
const pictureChunk = 200;
const page = 100;

/** The steps of erasing a person. Each is idempotent; messages and counts agree after it. */
export function accountErasureStore(db: Kysely<Tables>, jobs: Jobs) {
  return {
    /** Sending locks this row, so no message from or to them is added after this. */
    async markDeleted(userId: string): Promise<void> {
      await sql`
        insert into message.person (user_id, gone) values (${userId}, true)
        on conflict (user_id) do update set gone = true`.execute(db);
    },
    /** The peers of some of their conversations. */
    async peers(userId: string): Promise<string[]> {
      const rows = await db
        .selectFrom("conversation")
        .select("peer_id")
        .where("user_id", "=", userId)
        .orderBy("peer_id")
        .limit(page)
        .execute();
      return rows.map((row) => row.peer_id);
    },
    /**
     * Removes the oldest messages of a conversation, and with the last of them the conversation, for both sides;
     * returns whether there may be more. In the peer's timeline their entries keep their places.
     */
    async removeMessages(userId: string, peerId: string): Promise<boolean> {
      return inTransaction(db, async (transaction) => {
        await lock(transaction, [
          { userId, peerId },
          { userId: peerId, peerId: userId },
        ]);
        const pictures = await dropPictures(
          transaction,
          jobs,
          sql`p.ctid = any (array(
            select ctid from message.picture
            where low_id = least(${userId}::int8, ${peerId}::int8) and high_id = greatest(${userId}::int8, ${peerId}::int8)
            order by message_id limit ${pictureChunk}))`,
        );
        // A few at a time, each with jobs; then their messages.
        if (pictures === pictureChunk) return true;
        const { rows } = await sql<{ count: string }>`
          with gone as (
            delete from message.message
            where low_id = least(${userId}::int8, ${peerId}::int8) and high_id = greatest(${userId}::int8, ${peerId}::int8)
              and id = any(array(
                select id from message.message
                where low_id = least(${userId}::int8, ${peerId}::int8)
                  and high_id = greatest(${userId}::int8, ${peerId}::int8)
                order by id limit ${chunk}
              ))
            returning low_id, high_id, id, sender_id
          ), reactions as (
            delete from message.reaction r using gone g
            where r.low_id = g.low_id and r.high_id = g.high_id and r.message_id = g.id
          ), reaction_counts as (
            delete from message.reaction_count r using gone g
            where r.low_id = g.low_id and r.high_id = g.high_id and r.message_id = g.id
          ), hidden as (
            delete from message.hidden h using gone g
            where h.low_id = g.low_id and h.high_id = g.high_id and h.message_id = g.id
          ), unread as (
            select c.user_id, c.peer_id, count(*)::int4 as count
            from message.conversation c join gone g on g.sender_id = c.peer_id and g.id > c.read_id
            where ${isShown(sql`g`, sql`c.user_id`)} and (c.user_id, c.peer_id) in ((${userId}::int8, ${peerId}::int8), (${peerId}::int8, ${userId}::int8))
            group by 1, 2
          ), conversations as (
            update message.conversation c set unread = c.unread - u.count
            from unread u where c.user_id = u.user_id and c.peer_id = u.peer_id
          ), people as (
            insert into message.person as p (user_id, unread)
            select user_id, -count from unread order by user_id
            on conflict (user_id) do update set unread = p.unread + excluded.unread
          )
          select count(*) from gone`.execute(transaction);
        const more = Number(rows[0]!.count) === chunk;
        if (!more) {
          await sql`
            delete from message.conversation
            where (user_id, peer_id) in ((${userId}::int8, ${peerId}::int8), (${peerId}::int8, ${userId}::int8))`.execute(
            transaction,
          );
          await sql`
            with own as (
              delete from message.timeline where user_id = ${userId} and peer_id = ${peerId}
            )
            update message.timeline set kind = ${entryKinds.void}, peer_id = 0, subject_id = 0, actor_id = 0
            where user_id = ${peerId} and peer_id = ${userId}`.execute(transaction);
        }
        return more;
      });
    },
    /**
     * Removes some of what is left of them in conversations that stay: reactions, and what they had removed for themselves.
     * Returns whether there may be more. Nobody is told, since it may be a million.
     */
    async removeActs(userId: string): Promise<boolean> {
      return inTransaction(db, async (transaction) => {
        const { rows: reactions } = await sql<Omit<Tables["reaction"], "user_id" | "at_ms">>`
          delete from message.reaction where ctid = any (array(
            select ctid from message.reaction where user_id = ${userId} limit ${chunk}))
          returning low_id, high_id, message_id, emoji`.execute(transaction);
        await countLess(transaction, reactions);
        const { numAffectedRows } = await sql`
          delete from message.hidden where ctid = any (array(
            select ctid from message.hidden where user_id = ${userId} limit ${chunk}))`.execute(transaction);
        return reactions.length === chunk || Number(numAffectedRows) === chunk;
      });
    },
  };
}

export type AccountErasureStore = ReturnType<typeof accountErasureStore>;
