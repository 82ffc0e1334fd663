import { sql } from "kysely";
import { commentDeleted, commented } from "#contracts/events.ts";
import type { Kysely, Transaction } from "#platform/db/database.ts";
import type { Emit } from "#platform/events/event-type.ts";
import type { Events } from "#platform/events/events.ts";
import { timeOfId } from "#platform/ids/snowflake.ts";
import { commentLists } from "./comment-lists.ts";
import { commentIsReply, commentNotFound, videoNotFound } from "./rules.ts";
import type { CommentRow, Tables, VideoRow } from "./tables.ts";
import { holdVideos } from "./video-rows.ts";

/** What somebody wants to say. */
export interface Draft {
  videoId: string;
  id: string;
  authorId: string;
  text: string;
  /** The comment or reply it answers. */
  replyToId: string | undefined;
  idempotencyKey: string | undefined;
}
/** Why a comment was not added. */
export type Refusal = "video-gone" | "closed" | "not-found";

/** All SQL of comments and their counts. */
export function commentStore(db: Kysely<Tables>, events: Events) {
  /** Works on one video while nobody else does. */
  const onVideo = <T>(
    videoId: string,
    work: (transaction: Transaction<Tables>, video: VideoRow, emit: Emit) => Promise<T>,
  ): Promise<T> =>
    events.transaction(db, async (transaction, emit) => {
      const video = (await holdVideos(transaction, [videoId])).get(videoId);
      if (!video) throw videoNotFound();
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
    /** Adds many comments in one transaction with their numbers, counts and events; each gets its row or a refusal. */
    async add(drafts: Draft[]): Promise<(CommentRow | Refusal)[]> {
      return events.transaction(db, async (transaction, emit) => {
        const videos = await holdVideos(
          transaction,
          drafts.map((draft) => draft.videoId),
        );
        const known = await findKnown(transaction, drafts);
        const targets = await findTargets(transaction, drafts);
        const added: CommentRow[] = [];
        const results = drafts.map((draft): CommentRow | Refusal => {
          const video = videos.get(draft.videoId);
          if (!video) return "video-gone";
          const before = known.get(keyOf(draft));
          if (before) return before;
          if (video.closed) return "closed";
          const target = draft.replyToId === undefined ? undefined : targets.get(targetOf(draft));
          if (draft.replyToId !== undefined && !target) return "not-found";
          const row = number(draft, video, target);
          added.push(row);
          return row;
        });
        if (added.length > 0) await insert(transaction, added);
        for (const row of added)
          emit(commented, { ...nameOf(row), videoAuthorId: videos.get(row.video_id)!.author_id });
        return results;
      });
    },
    /** Removes a comment with its replies, if `may`. Errors: VIDEO_NOT_FOUND, COMMENT_NOT_FOUND, and what `may` throws. */
    remove: (videoId: string, id: string, check: (comment: CommentRow, video: VideoRow) => void) =>
      onVideo(videoId, async (transaction, video, emit) => {
        const comment = await find(transaction, videoId, id);
        if (!comment) throw commentNotFound();
        check(comment, video);
        await sql`
          with removed as (
            delete from interaction.comment where video_id = ${videoId} and (id = ${id} or root_id = ${id})
            returning id
          ), uncounted as (
            update interaction.comment set replies = replies - 1 where video_id = ${videoId} and id = ${comment.root_id}
          )
          update interaction.video set comments = comments - (select count(*) from removed),
            pinned_id = nullif(pinned_id, ${id})
          where video_id = ${videoId}`.execute(transaction);
        emit(commentDeleted, { ...nameOf(comment), replies: Number(comment.replies), atMs: Date.now() });
      }),
    /** Puts a comment above the others, or none. Errors: VIDEO_NOT_FOUND, COMMENT_NOT_FOUND, COMMENT_IS_REPLY. */
    pin: (videoId: string, id: string | undefined, check: (video: VideoRow) => void) =>
      onVideo(videoId, async (transaction, video) => {
        check(video);
        if (id !== undefined) {
          const comment = await find(transaction, videoId, id);
          if (!comment) throw commentNotFound();
          if (comment.root_id !== null) throw commentIsReply();
        }
        await transaction
          .updateTable("video")
          .set({ pinned_id: id ?? null })
          .where("video_id", "=", videoId)
          .execute();
      }),
    /** Allows no more comments, or does again. Error: VIDEO_NOT_FOUND. */
    close: (videoId: string, closed: boolean, check: (video: VideoRow) => void) =>
      onVideo(videoId, async (transaction, video) => {
        check(video);
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
const keyOf = (draft: Pick<Draft, "videoId" | "authorId" | "idempotencyKey">) =>
  `${draft.videoId} ${draft.authorId} ${draft.idempotencyKey}`;
const targetOf = (draft: Draft) => `${draft.videoId} ${draft.replyToId}`;

/** Those of the drafts that were added before, by their idempotency keys. */
async function findKnown(on: Transaction<Tables>, drafts: Draft[]): Promise<Map<string, CommentRow>> {
  const keyed = drafts.filter((draft) => draft.idempotencyKey !== undefined);
  if (keyed.length === 0) return new Map();
  const { rows } = await sql<CommentRow>`
    select c.*
    from unnest(${keyed.map((draft) => draft.videoId)}::int8[], ${keyed.map((draft) => draft.authorId)}::int8[],
      ${keyed.map((draft) => draft.idempotencyKey)}::text[]) as k(video_id, author_id, key)
    join interaction.comment c
      on c.video_id = k.video_id and c.author_id = k.author_id and c.idempotency_key = k.key`.execute(on);
  return new Map(
    rows.map((row) => [
      keyOf({ videoId: row.video_id, authorId: row.author_id, idempotencyKey: row.idempotency_key! }),
      row,
    ]),
  );
}

interface Target {
  rootId: string;
  /** Set when a reply is answered, not the comment itself. */
  replyToUserId: string | null;
  /** Shared by all drafts under the same comment: the last number given there. */
  floors: { last: bigint };
}

/** What the drafts answer, and the comment that it stands under. */
async function findTargets(on: Transaction<Tables>, drafts: Draft[]): Promise<Map<string, Target>> {
  const replies = drafts.filter((draft) => draft.replyToId !== undefined);
  if (replies.length === 0) return new Map();
  const { rows } = await sql<{
    video_id: string;
    id: string;
    root_id: string;
    reply_to_user_id: string | null;
    last_floor: string;
  }>`
    select t.video_id, t.id, r.id as root_id, case when t.root_id is not null then t.author_id end as reply_to_user_id,
      r.last_reply_floor as last_floor
    from unnest(${replies.map((draft) => draft.videoId)}::int8[], ${replies.map((draft) => draft.replyToId)}::int8[])
      as d(video_id, id)
    join interaction.comment t on t.video_id = d.video_id and t.id = d.id
    join interaction.comment r on r.video_id = d.video_id and r.id = coalesce(t.root_id, t.id)`.execute(on);
  const floors = new Map<string, { last: bigint }>();
  return new Map(
    rows.map((row) => {
      const last = floors.get(row.root_id) ?? { last: BigInt(row.last_floor) };
      floors.set(row.root_id, last);
      return [
        `${row.video_id} ${row.id}`,
        { rootId: row.root_id, replyToUserId: row.reply_to_user_id, floors: last },
      ];
    }),
  );
}

/** Gives a draft its numbers; the video's row is held, so nobody else gives the same. */
function number(draft: Draft, video: VideoRow, target: Target | undefined): CommentRow {
  const next = (text: string) => String(BigInt(text) + 1n);
  video.last_sequence = next(video.last_sequence);
  if (!target) video.last_floor = next(video.last_floor);
  else target.floors.last += 1n;
  return {
    video_id: draft.videoId,
    id: draft.id,
    author_id: draft.authorId,
    root_id: target?.rootId ?? null,
    reply_to_user_id: target?.replyToUserId ?? null,
    text: draft.text,
    sequence: video.last_sequence,
    floor: target ? String(target.floors.last) : video.last_floor,
    replies: "0",
    last_reply_floor: "0",
    idempotency_key: draft.idempotencyKey ?? null,
  };
}

async function insert(on: Transaction<Tables>, rows: CommentRow[]): Promise<void> {
  await on.insertInto("comment").values(rows).execute();
  await sql`
    with added as (
      select * from unnest(${rows.map((row) => row.video_id)}::int8[], ${rows.map((row) => row.root_id)}::int8[],
        ${rows.map((row) => row.floor)}::int8[], ${rows.map((row) => row.sequence)}::int8[])
        as a(video_id, root_id, floor, sequence)
    ), answered as (
      update interaction.comment c set replies = c.replies + a.count, last_reply_floor = a.last
      from (
        select video_id, root_id, count(*), max(floor) as last from added where root_id is not null group by 1, 2
      ) a where c.video_id = a.video_id and c.id = a.root_id
    )
    update interaction.video v set comments = v.comments + a.count, last_sequence = a.last_sequence,
      last_floor = greatest(v.last_floor, a.last_floor)
    from (
      select video_id, count(*), max(sequence) as last_sequence, max(floor) filter (where root_id is null) as last_floor
      from added group by 1
    ) a where v.video_id = a.video_id`.execute(on);
}
