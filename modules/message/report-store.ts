import { type RawBuilder, sql } from "kysely";
import { refusal } from "#contracts/reasons.ts";
import type { Kysely } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import { idAtTime } from "#platform/ids/snowflake.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { findConversation } from "./find-conversation.ts";
import type { MessageRow, Picture } from "./message-row.ts";
import { dropReportPictures, lockBlobs, reportedBlobs } from "./picture-store.ts";
import { maxWaitingReports, reportKeptMs } from "./rules.ts";
import type { Tables } from "./tables.ts";

/** A report of a message to the moderators. */
export interface Report {
  id: string;
  reporterId: string;
  peerId: string;
  reason: number;
  text: string;
  reported: MessageRow;
  /** What was said around it, as the reporter sees it. */
  others: MessageRow[];
}

export interface ReportRow {
  id: string;
  reporter_id: string;
  in_group: boolean;
  reason: number;
  text: string;
  lines: {
    message_id: string;
    sender_id: string;
    content: string;
    picture: boolean;
    /** Null: there was none any more when it was reported. */
    shown: Picture | null;
    video_id: string | null;
    profile_id: string | null;
    reported: boolean;
  }[];
}

/** Reports removed at a time. */
const chunk = 200;

/** The SQL of reports of messages. */
export function messageReportStore(db: Kysely<Tables>, jobs: Jobs) {
  async function notJudged(which: RawBuilder<unknown>): Promise<ReportRow[]> {
    const { rows } = await sql<ReportRow>`
        select r.id, r.reporter_id, r.in_group, r.reason, r.text, (
          select json_agg(json_build_object('message_id', l.message_id::text, 'sender_id', l.sender_id::text,
            'content', l.content, 'reported', l.message_id = r.message_id, 'picture', l.picture,
            'shown', case when p.key is not null then json_build_object(
              'key', p.key, 'small_key', p.small_key, 'width', p.width, 'height', p.height) end, 'video_id', l.video_id::text, 'profile_id', l.profile_id::text)
            order by l.message_id)
          from message.report_line l left join message.report_picture p using (reporter_id, report_id, message_id)
          where l.reporter_id = r.reporter_id and l.report_id = r.id) as lines
        from message.report r where not r.judged and ${which}`.execute(db);
    return rows;
  }

  return {
    /**
     * Keeps a report, unless this person has made it before, and gives the id of the one that stands. Errors:
     * TOO_MANY_REQUESTS, MESSAGE_NOT_FOUND.
     */
    add: ({ id, reporterId, peerId, reason, text, reported, others }: Report): Promise<string> =>
      inTransaction(db, async (on) => {
        const lines = [...others, reported];
        // So that they are not removed meanwhile.
        await lockBlobs(
          on,
          lines.flatMap(({ picture }) => (picture ? [picture.key, picture.small_key] : [])),
        );
        const people = [...new Set([reporterId, ...lines.map((line) => line.sender_id)])];
        // Nobody of them is deleted meanwhile, or what is kept of them would stay.
        const { rows } = await sql<{ user_id: string; gone: boolean }>`
          select user_id, gone from message.person where user_id = any(${people}::int8[])
          order by user_id for share`.execute(on);
        const gone = new Set(rows.flatMap((row) => (row.gone ? [row.user_id] : [])));
        if (gone.has(reporterId) || gone.has(reported.sender_id)) throw refusal("MESSAGE_NOT_FOUND");
        const waiting = await sql<{ count: number }>`
          select count(*)::int4 as count from message.report where reporter_id = ${reporterId} and not judged`.execute(
          on,
        );
        if (waiting.rows[0]!.count >= maxWaitingReports)
          throw refusal("TOO_MANY_REQUESTS", "Moderators have not seen your other reports yet.");
        const added = await on
          .insertInto("report")
          .values({
            ...{ id, reporter_id: reporterId, peer_id: peerId, message_id: reported.id, reason, text },
            ...{ sender_id: reported.sender_id, in_group: reported.in_group },
          })
          .onConflict((conflict) => conflict.doNothing())
          .executeTakeFirst();
        if (!added.numInsertedOrUpdatedRows) {
          const earlier = await on
            .selectFrom("report")
            .select("id")
            .where("reporter_id", "=", reporterId)
            .where("peer_id", "=", peerId)
            .where("message_id", "=", reported.id)
            .executeTakeFirstOrThrow();
          return earlier.id;
        }
        const kept = lines.filter((line) => !gone.has(line.sender_id));
        await on
          .insertInto("report_line")
          .values(
            kept.map(({ id: message_id, sender_id, content, picture, video_id, profile_id }) => ({
              ...{ reporter_id: reporterId, report_id: id, message_id, sender_id, content },
              ...{ video_id, profile_id, picture: picture !== null },
            })),
          )
          .execute();
        await sql`
          insert into message.report_picture (reporter_id, report_id, message_id, key, small_key, width, height)
          select ${reporterId}, ${id}, message_id, key, small_key, width, height from message.picture
          where message_id = any(${kept.map((line) => line.id)}::int8[])`.execute(on);
        return id;
      }),
    /** What nobody has judged after a report, the earliest first. */
    waiting: (afterId: string, limit: number) =>
      notJudged(sql`r.id > ${afterId} order by r.id limit ${limit}`),
    /** Those of these reports that nobody has judged. */
    byIds: (ids: readonly string[]) => notJudged(sql`r.id = any(${ids}::int8[]) order by r.id`),
    /** Removes what was kept. False: no such report waits. */
    judge: (id: string): Promise<boolean> =>
      inTransaction(db, async (on) => {
        const judged = await on
          .updateTable("report")
          .set({ judged: true, text: "" })
          .where("id", "=", id)
          .where("judged", "=", false)
          .returning("reporter_id")
          .executeTakeFirst();
        if (!judged) return false;
        await dropReportPictures(on, jobs, sql`reporter_id = ${judged.reporter_id} and report_id = ${id}`);
        await on
          .deleteFrom("report_line")
          .where("reporter_id", "=", judged.reporter_id)
          .where("report_id", "=", id)
          .execute();
        return true;
      }),
    /** Removes what has waited for too long, with what was kept for it. */
    async expire(stopping: AbortSignal): Promise<void> {
      const before = idAtTime(Date.now() - reportKeptMs).toString();
      for (let removed = chunk; removed === chunk && !stopping.aborted; )
        removed = await inTransaction(db, async (on) => {
          const { rows } = await sql<{ id: string }>`
            delete from message.report where (reporter_id, id) in (
              select reporter_id, id from message.report
              where not judged and id < ${before}::int8 order by id limit ${chunk} for update
            ) returning id`.execute(on);
          const ended = rows.map(({ id }) => id);
          await dropReportPictures(on, jobs, sql`report_id = any(${ended}::int8[])`);
          return ended.length;
        });
      // A process of a version that knows no pictures of reports has judged them.
      const judged = sql`
        select 1 from message.report r
        where r.reporter_id = p.reporter_id and r.id = p.report_id and not r.judged`;
      await inTransaction(db, (on) => dropReportPictures(on, jobs, sql`not exists (${judged})`));
    },
    conversationOf: (userId: string, messageId: string) => findConversation(db, userId, messageId),
    reportedBlobs: (id: string, keys: readonly string[]) => reportedBlobs(db, id, keys),
  };
}

export type MessageReportStore = ReturnType<typeof messageReportStore>;
