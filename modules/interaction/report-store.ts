import { sql } from "kysely";
import { withoutDeleted } from "#contracts/deleted-accounts.ts";
import { refusal } from "#contracts/reasons.ts";
import type { Kysely, Transaction } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { lockPeople } from "./person-rows.ts";
import type { CommentRow, Tables } from "./tables.ts";
import { lockVideoIds } from "./video-rows.ts";

/** A report of a comment to the moderators. */
export interface Report {
  videoId: string;
  commentId: string;
  reporterId: string;
  id: string;
  reason: 1 | 2 | 3;
  text: string;
}

/** A reported comment in the queue, with its reports. */
export interface ReportedRow extends CommentRow {
  position: string;
  spam: string;
  abuse: string;
  other: string;
  /** The newest of the kept texts, newest first. */
  texts: string[];
  reports: { id: string; reporter_id: string; reason: 1 | 2 | 3; text: string }[];
}

/** A moderator sees this many of the texts that people wrote. */
const maxTexts = 3;
/** At most this many reports of a comment are kept: the queue counts them on each read, and more tell nothing new. */
export const maxReports = 200;
const page = 500;

/**
 * The SQL of reports. Locks the video, like everything that changes comments, so that no report outlives its comment.
 */
export function reportStore(db: Kysely<Tables>) {
  /** Works on one comment while its video is locked. Errors: VIDEO_NOT_FOUND, COMMENT_NOT_FOUND. */
  const onComment = (
    videoId: string,
    commentId: string,
    work: (transaction: Transaction<Tables>, authorId: string) => Promise<void>,
  ): Promise<void> =>
    inTransaction(db, async (transaction) => {
      if (!(await lockVideoIds(transaction, [videoId])).has(videoId)) throw refusal("VIDEO_NOT_FOUND");
      const comment = await transaction
        .selectFrom("comment")
        .select("author_id")
        .where("video_id", "=", videoId)
        .where("id", "=", commentId)
        .executeTakeFirst();
      if (!comment) throw refusal("COMMENT_NOT_FOUND");
      await work(transaction, comment.author_id);
    });

  const add = ({ videoId, commentId, reporterId, id, reason, text }: Report): Promise<void> =>
    onComment(videoId, commentId, async (transaction, authorId) => {
      if (authorId === reporterId) throw refusal("REPORTS_OWN");
      await lockPeople(transaction, [reporterId]);
      await sql`
        insert into interaction.reported (video_id, comment_id, position) values (${videoId}, ${commentId}, ${id})
        on conflict do nothing`.execute(transaction);
      await sql`
        insert into interaction.report (video_id, comment_id, reporter_id, id, reason, text)
        select video_id, comment_id, ${reporterId}::int8, ${id}::int8, ${reason}::int2, ${text}
        from interaction.reported
        where video_id = ${videoId} and comment_id = ${commentId} and not judged and ${maxReports} > (
          select count(*) from interaction.report where video_id = ${videoId} and comment_id = ${commentId}
        )
        on conflict do nothing`.execute(transaction);
    });

  return {
    /**
     * Adds a report unless this person has one, there are too many, or a moderator has decided. Errors: as above,
     * REPORTS_OWN.
     */
    async add(report: Report): Promise<void> {
      const [refusal] = await withoutDeleted(
        [report],
        () => [report.reporterId],
        async ([one]) => (one ? [await add(one)] : []),
      );
      if (refusal instanceof DomainError) throw refusal;
    },
    /** Removes a comment from the queue for good, if it is there. Errors: VIDEO_NOT_FOUND, COMMENT_NOT_FOUND. */
    dismiss: (videoId: string, commentId: string) =>
      onComment(videoId, commentId, async (transaction) => {
        await sql`
          with judged as (
            update interaction.reported set judged = true where video_id = ${videoId} and comment_id = ${commentId}
          )
          delete from interaction.report where video_id = ${videoId} and comment_id = ${commentId}`.execute(
          transaction,
        );
      }),
    /**
     * The queue after a position. Comments in it do not move, and new ones come last. Only a report that commits
     * after a later one can appear before the position; the next read from the start shows it.
     */
    async queue(after: string, limit: number): Promise<ReportedRow[]> {
      const { rows } = await sql<ReportedRow>`
        select c.*, q.position, r.*
        from (
          select video_id, comment_id, position from interaction.reported
          where not judged and position > ${after} order by position limit ${limit}
        ) q
        join interaction.comment c on c.video_id = q.video_id and c.id = q.comment_id
        cross join lateral (
          select count(*) filter (where reason = 1) as spam, count(*) filter (where reason = 2) as abuse,
            count(*) filter (where reason = 3) as other,
            coalesce((array_agg(r.text order by r.id desc) filter (where r.text <> ''))[:${sql.lit(maxTexts)}], '{}') as texts,
            coalesce(jsonb_agg(jsonb_build_object('id', r.id::text, 'reporter_id', r.reporter_id::text,
              'reason', r.reason, 'text', r.text)), '[]') as reports
          from interaction.report r where r.video_id = q.video_id and r.comment_id = q.comment_id
        ) r
        order by q.position`.execute(db);
      return rows;
    },
    /** A page of a person's reports, after this one. */
    reportsOf: (reporterId: string, afterId: string) =>
      db
        .selectFrom("report")
        .select(["id", "video_id", "comment_id"])
        .where("reporter_id", "=", reporterId)
        .where("id", ">", afterId)
        .orderBy("id")
        .limit(page)
        .execute(),
    /** Withdraws a report; a comment without other reports leaves the queue. Idempotent. */
    withdraw: (videoId: string, commentId: string, reporterId: string) =>
      inTransaction(db, async (transaction) => {
        await lockVideoIds(transaction, [videoId]);
        const those = { video_id: videoId, comment_id: commentId };
        await transaction
          .deleteFrom("report")
          .where((all) => all.and({ ...those, reporter_id: reporterId }))
          .execute();
        await transaction
          .deleteFrom("reported")
          .where((all) => all.and({ ...those, judged: false }))
          .where(({ not, exists, selectFrom }) =>
            not(
              exists(
                selectFrom("report")
                  .select("id")
                  .where((all) => all.and(those)),
              ),
            ),
          )
          .execute();
      }),
  };
}

export type ReportStore = ReturnType<typeof reportStore>;
