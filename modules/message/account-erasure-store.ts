import { sql } from "kysely";
import { notificationKinds } from "#contracts/notification-kinds.ts";
import type { Kysely } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { actsOfGone, countLess } from "./act-store.ts";
import { lockGroup } from "./group-transaction.ts";
import { isShown } from "./message-row.ts";
import { lockPeople } from "./notifications/notification-store.ts";
import { lock } from "./pairs.ts";
import { dropPictures, dropReportPictures } from "./picture-store.ts";
import type { Tables } from "./tables.ts";
import { entryKinds } from "./timeline-store.ts";

/** Messages removed in one transaction. */
const chunk = 2_000;
/** In a group each may be unread for a thousand people. */
const groupChunk = 200;
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
    /** Some of the groups that they are in. */
    async groups(userId: string): Promise<string[]> {
      const rows = await db
        .selectFrom("member")
        .select("group_id")
        .where("user_id", "=", userId)
        .orderBy("group_id")
        .limit(page)
        .execute();
      return rows.map((row) => row.group_id);
    },
    /**
     * Removes some of what they said in groups, and did in them; returns whether there may be more. In the timelines of
     * others its entries keep their places.
     */
    async removeFromGroups(userId: string): Promise<boolean> {
      return inTransaction(db, async (on) => {
        const { rows } = await sql<{ group_id: string }>`
          select high_id as group_id from message.message where low_id = 0 and sender_id = ${userId}::int8 limit 1`.execute(
          on,
        );
        const groupId = rows[0]?.group_id;
        if (groupId === undefined) return false;
        await lockGroup(on, groupId);
        // What they have read does not change meanwhile.
        await sql`select from message.member where group_id = ${groupId} order by user_id for update`.execute(
          on,
        );
        const { rows: gone } = await sql<{ id: string }>`
          with gone as (
            delete from message.message where low_id = 0 and high_id = ${groupId}::int8 and id = any(array(
              select id from message.message
              where low_id = 0 and sender_id = ${userId}::int8 and high_id = ${groupId}::int8 order by id limit ${groupChunk}
            ))
            returning low_id, high_id, id, notice
          ), ${actsOfGone}, concerned as (
            delete from message.notice_person
            where group_id = ${groupId}::int8 and message_id in (select id from gone)
          ), unread as (
            select m.user_id, m.muted, count(*)::int4 as count, count(w.message_id)::int4 as mentions
            from message.member m
            join gone g on g.id > m.read_id and g.notice is null and ${isShown(sql`g`, sql`m.user_id`)}
            left join message.mention w
              on w.user_id = m.user_id and w.group_id = m.group_id and w.message_id = g.id
            where m.group_id = ${groupId}::int8 group by 1, 2
          ), places as (
            update message.member m set seen = m.seen + u.count, mentioned = m.mentioned - u.mentions
            from unread u where m.group_id = ${groupId}::int8 and m.user_id = u.user_id
          ), people as (
            insert into message.person as p (user_id, unread)
            select user_id, -case when muted then mentions else count end from unread order by user_id
            on conflict (user_id) do update set unread = p.unread + excluded.unread
          )
          select id from gone`.execute(on);
        await dropPictures(
          on,
          jobs,
          sql`low_id = 0 and high_id = ${groupId}::int8 and message_id = any(${gone.map(({ id }) => id)}::int8[])`,
        );
        await sql`
          update message.group_chat set last_id = coalesce((
            select max(id) from message.message where low_id = 0 and high_id = ${groupId}::int8
          ), 0) where id = ${groupId}::int8`.execute(on);
        return true;
      });
    },
    /** What else there is of them in groups, and what had reached them. */
    async removeTraces(userId: string): Promise<void> {
      for (const table of [
        "notice_person",
        "former_member",
        "invitation",
        "mention",
        "told_readers",
        "pictures_sent",
      ] as const)
        await db.deleteFrom(table).where("user_id", "=", userId).execute();
      await db.deleteFrom("invitation").where("inviter_id", "=", userId).execute();
      await inTransaction(db, async (on) => {
        const theirs = sql`
          from message.notification_fact
          where actor_id = ${userId}::int8 and kind = ${sql.lit(notificationKinds.invitation)}`;
        const { rows } = await sql<{ user_id: string }>`select distinct user_id ${theirs}`.execute(on);
        await lockPeople(
          on,
          rows.map((row) => row.user_id),
        );
        // Each has one of theirs at most.
        await sql`
          with gone as (delete ${theirs} returning user_id, kind, subject_id)
          update message.notification n set people = n.people - 1 from gone g
          where n.user_id = g.user_id and n.kind = g.kind and n.subject_id = g.subject_id`.execute(on);
      });
      await db.updateTable("group_link").set({ maker_id: null }).where("maker_id", "=", userId).execute();
      await db
        .updateTable("group_chat")
        .set({ creator_id: null, idempotency_key: null })
        .where("creator_id", "=", userId)
        .where("idempotency_key", "is not", null)
        .execute();
      await inTransaction(db, async (on) => {
        const theirs = sql`
          select reporter_id, id from message.report where reporter_id = ${userId}::int8 or sender_id = ${userId}::int8`;
        const lines = sql`
          select reporter_id, report_id, message_id from message.report_line where sender_id = ${userId}::int8`;
        await dropReportPictures(
          on,
          jobs,
          sql`(reporter_id, report_id) in (${theirs}) or (reporter_id, report_id, message_id) in (${lines})`,
        );
        await sql`delete from message.report where (reporter_id, id) in (${theirs})`.execute(on);
        await sql`delete from message.report_line where sender_id = ${userId}::int8`.execute(on);
      });
      await db.deleteFrom("timeline").where("user_id", "=", userId).execute();
      await db.updateTable("person").set({ unread: "0" }).where("user_id", "=", userId).execute();
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
        // Locked before, so that what others did with them until now is seen below.
        const { rows: locked } = await sql<{ id: string }>`
          select id from message.message
          where low_id = least(${userId}::int8, ${peerId}::int8) and high_id = greatest(${userId}::int8, ${peerId}::int8)
          order by id limit ${chunk} for update`.execute(transaction);
        await sql`
          with gone as (
            delete from message.message
            where low_id = least(${userId}::int8, ${peerId}::int8) and high_id = greatest(${userId}::int8, ${peerId}::int8)
              and id = any(${locked.map(({ id }) => id)}::int8[])
            returning low_id, high_id, id, sender_id
          ), ${actsOfGone}, unread as (
            select c.user_id, c.peer_id, count(*)::int4 as count
            from message.conversation c join gone g on g.sender_id = c.peer_id and g.id > c.read_id
            where ${isShown(sql`g`, sql`c.user_id`)} and (c.user_id, c.peer_id) in ((${userId}::int8, ${peerId}::int8), (${peerId}::int8, ${userId}::int8))
            group by 1, 2
          ), conversations as (
            update message.conversation c set unread = c.unread - u.count
            from unread u where c.user_id = u.user_id and c.peer_id = u.peer_id
          ), people as (
            insert into message.person as p (user_id, unread)
            select u.user_id, -u.count from unread u join message.conversation c using (user_id, peer_id)
            where not c.muted order by u.user_id
            on conflict (user_id) do update set unread = p.unread + excluded.unread
          )
          select from gone limit 1`.execute(transaction);
        const more = locked.length === chunk;
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
