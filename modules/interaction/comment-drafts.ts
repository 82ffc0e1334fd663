import { sql } from "kysely";
import type { Transaction } from "#platform/db/database.ts";
import type { CommentRow, Tables, VideoRow } from "./tables.ts";

/** A comment that a person wants to add. */
export interface Draft {
  videoId: string;
  id: string;
  authorId: string;
  text: string;
  /** The comment or reply that it answers. */
  replyToId: string | undefined;
  idempotencyKey: string | undefined;
  /** Whether the author of the video blocks this person. */
  blocked?: boolean;
  traceId?: string;
}
export const keyOf = (draft: Pick<Draft, "videoId" | "authorId" | "idempotencyKey">) =>
  `${draft.videoId} ${draft.authorId} ${draft.idempotencyKey}`;
export const targetOf = (draft: Draft) => `${draft.videoId} ${draft.replyToId}`;

/** Which of the drafts were added before, by their idempotency keys. */
export async function findKnown(on: Transaction<Tables>, drafts: Draft[]): Promise<Map<string, CommentRow>> {
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
  /** Set if it answers a reply and not the comment itself. */
  replyToUserId: string | null;
  /** The author of what is answered. */
  answeredUserId: string;
  /** Shared by all drafts under the same comment: the last floor number given there. */
  floors: { last: bigint };
}

/** The comment or reply that each draft answers, and the comment that it stands under. */
export async function findTargets(on: Transaction<Tables>, drafts: Draft[]): Promise<Map<string, Target>> {
  const replies = drafts.filter((draft) => draft.replyToId !== undefined);
  if (replies.length === 0) return new Map();
  const { rows } = await sql<{
    video_id: string;
    id: string;
    root_id: string;
    reply_to_user_id: string | null;
    author_id: string;
    last_floor: string;
  }>`
    select t.video_id, t.id, t.author_id, r.id as root_id, case when t.root_id is not null then t.author_id end as reply_to_user_id,
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
        {
          rootId: row.root_id,
          replyToUserId: row.reply_to_user_id,
          answeredUserId: row.author_id,
          floors: last,
        },
      ];
    }),
  );
}

/** Gives a draft its numbers. The video's row is locked, so no other draft gets the same. */
export function number(draft: Draft, video: VideoRow, target: Target | undefined): CommentRow {
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
    down: false,
    moderated: "0",
  };
}

export async function insert(on: Transaction<Tables>, rows: CommentRow[]): Promise<void> {
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
