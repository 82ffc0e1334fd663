import { sql } from "kysely";
import { withoutDeleted } from "#contracts/deleted-accounts.ts";
import { commentDeleted, commented, commentsClosed } from "#contracts/events.ts";
import { refusal } from "#contracts/reasons.ts";
import type { Kysely, Transaction } from "#platform/db/database.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";
import type { Emit } from "#platform/events/event-type.ts";
import type { EventWriter } from "#platform/events/events.ts";
import { timeOfId } from "#platform/ids/snowflake.ts";
import { mentionedNames } from "#platform/text/entities.ts";
import { type Draft, findKnown, findTargets, insert, keyOf, number, targetOf } from "./comment-drafts.ts";
import { commentLists } from "./comment-lists.ts";
import { lockPeople } from "./person-rows.ts";
import { isClosed, removalChunk } from "./rules.ts";
import type { CommentRow, Tables, VideoRow } from "./tables.ts";
import { lockVideos } from "./video-rows.ts";

/** Why a comment was not added. */
export type Refusal = "video-gone" | "closed" | "blocked" | "not-found";

/** The SQL of comments and their counts. */
export function commentStore(db: Kysely<Tables>, events: EventWriter<Tables>) {
  /** Locks one video for the work. */
  const onVideo = <T>(
    videoId: string,
    work: (transaction: Transaction<Tables>, video: VideoRow, emit: Emit) => Promise<T>,
  ): Promise<T> =>
    events.transaction(db, async (transaction, emit) => {
      const video = (await lockVideos(transaction, [videoId])).get(videoId);
      if (!video) throw refusal("VIDEO_NOT_FOUND");
      return work(transaction, video, emit);
    });
  const find = (on: Kysely<Tables>, videoId: string, id: string) =>
    on
      .selectFrom("comment")
      .selectAll()
      .where("video_id", "=", videoId)
      .where("id", "=", id)
      .executeTakeFirst();

  return {
    ...commentLists(db),
    /**
     * Adds many comments in one transaction with their numbers, counts and events. Each gives its row or a refusal.
     */
    add: (all: Draft[]): Promise<(CommentRow | Refusal | DomainError)[]> =>
      withoutDeleted(
        all,
        (draft) => [draft.authorId],
        (drafts) =>
          events.transaction(db, async (transaction, emit) => {
            const videos = await lockVideos(
              transaction,
              drafts.map((draft) => draft.videoId),
            );
            await lockPeople(
              transaction,
              drafts.map((draft) => draft.authorId),
            );
            const known = await findKnown(transaction, drafts);
            const targets = await findTargets(transaction, drafts);
            const added: { row: CommentRow; answeredUserId: string; traceId: string | undefined }[] = [];
            const results = drafts.map((draft): CommentRow | Refusal => {
              const video = videos.get(draft.videoId);
              if (!video) return "video-gone";
              const before = draft.idempotencyKey === undefined ? undefined : known.get(keyOf(draft));
              // A repeated request gets the first one's answer, whatever has changed in between.
              if (before) return before;
              if (draft.blocked) return "blocked";
              if (isClosed(video)) return "closed";
              const target = draft.replyToId === undefined ? undefined : targets.get(targetOf(draft));
              if (draft.replyToId !== undefined && !target) return "not-found";
              const row = number(draft, video, target);
              added.push({ row, answeredUserId: target?.answeredUserId ?? "", traceId: draft.traceId });
              return row;
            });
            const rows = added.map(({ row }) => row);
            if (rows.length > 0) await insert(transaction, rows);
            for (const { row, answeredUserId, traceId } of added) {
              const videoAuthorId = videos.get(row.video_id)!.author_id;
              const mentioned = { mentionedNames: mentionedNames(row.text) };
              emit(commented, { ...nameOf(row), videoAuthorId, answeredUserId, ...mentioned }, traceId);
            }
            return results;
          }),
      ),
    /**
     * Removes a comment with its replies, if `check` allows it; of very many replies only the oldest. Returns whether
     * the comment is still there and this must be called again. Errors: VIDEO_NOT_FOUND, COMMENT_NOT_FOUND, and what
     * `check` throws, which may write in the transaction of the step.
     */
    removeStep: (
      videoId: string,
      id: string,
      check: (comment: CommentRow, video: VideoRow, transaction: Transaction<Tables>) => void | Promise<void>,
    ) =>
      onVideo(videoId, async (transaction, video, emit): Promise<boolean> => {
        const comment = await find(transaction, videoId, id);
        if (!comment) throw refusal("COMMENT_NOT_FOUND");
        await check(comment, video, transaction);
        const repliesOnly = Number(comment.replies) > removalChunk;
        const which = repliesOnly
          ? sql`id in (
              select id from interaction.comment where video_id = ${videoId} and root_id = ${id}
              order by floor limit ${removalChunk}
            )`
          : sql`(id = ${id} or root_id = ${id})`;
        await sql`
          with removed as (
            delete from interaction.comment where video_id = ${videoId} and ${which} returning id
          ), unreported as (
            delete from interaction.reported
            where video_id = ${videoId} and comment_id in (select id from removed)
          ), uncounted as (
            update interaction.comment set replies = replies - (select count(*) from removed)
            where video_id = ${videoId} and id = ${repliesOnly ? id : comment.root_id}
          )
          update interaction.video set comments = comments - (select count(*) from removed),
            pinned_id = case when ${repliesOnly} then pinned_id else nullif(pinned_id, ${id}) end
          where video_id = ${videoId}`.execute(transaction);
        const replies = repliesOnly ? removalChunk : Number(comment.replies);
        const of = { ...nameOf(comment), videoAuthorId: video.author_id };
        emit(commentDeleted, { ...of, replies, repliesOnly, atMs: Date.now() });
        return repliesOnly;
      }),
    /** Pins a comment above the others, or none. Errors: VIDEO_NOT_FOUND, COMMENT_NOT_FOUND, COMMENT_IS_REPLY. */
    pin: (videoId: string, id: string | undefined, check: (video: VideoRow) => void) =>
      onVideo(videoId, async (transaction, video) => {
        check(video);
        if (id !== undefined) {
          const comment = await find(transaction, videoId, id);
          if (!comment) throw refusal("COMMENT_NOT_FOUND");
          if (comment.root_id !== null) throw refusal("COMMENT_IS_REPLY");
        }
        await transaction
          .updateTable("video")
          .set({ pinned_id: id ?? null })
          .where("video_id", "=", videoId)
          .execute();
      }),
    /** Closes or opens the comments of a video. Errors: VIDEO_NOT_FOUND, COMMENTS_LOCKED. */
    close: (videoId: string, closed: boolean, check: (video: VideoRow) => void) =>
      onVideo(videoId, async (transaction, video, emit) => {
        check(video);
        if (!closed && video.locked) throw refusal("COMMENTS_LOCKED");
        if (video.closed === closed) return;
        if (!video.locked) emit(commentsClosed, { videoId, closed });
        await transaction.updateTable("video").set({ closed }).where("video_id", "=", videoId).execute();
      }),
  };
}

export type CommentStore = ReturnType<typeof commentStore>;

const nameOf = (row: CommentRow) => ({
  videoId: row.video_id,
  commentId: row.id,
  authorId: row.author_id,
  rootId: row.root_id ?? "",
  replyToUserId: row.reply_to_user_id ?? "",
  atMs: timeOfId(row.id),
});
