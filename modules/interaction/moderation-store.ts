import { sql } from "kysely";
import { commentModerated, commentsClosed } from "#contracts/events.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { EventWriter } from "#platform/events/events.ts";
import { isClosed } from "./rules.ts";
import type { Tables } from "./tables.ts";
import { addVideos, lockVideoIds, lockVideos } from "./video-rows.ts";

/** What the moderators have decided on a comment. Of several versions the greatest is what holds. */
export interface CommentStanding {
  videoId: string;
  commentId: string;
  version: string;
  down: boolean;
}
/** The same on the comments of a video. */
export interface VideoCommentsStanding {
  videoId: string;
  authorId: string;
  version: string;
  locked: boolean;
}

/** The SQL of what moderators decide, which holds with its event. No two standings may be of the same thing. */
export function moderationStore(db: Kysely<Tables>, events: EventWriter<Tables>) {
  return {
    moderateComments: (standings: readonly CommentStanding[]): Promise<void> =>
      events.transaction(db, async (transaction, emit) => {
        const videos = await lockVideoIds(
          transaction,
          standings.map(({ videoId }) => videoId),
        );
        const known = standings.filter(({ videoId }) => videos.has(videoId));
        const { rows } = await sql<{ video_id: string; id: string; down: boolean }>`
          with wanted as (
            select w.*, c.down as was
            from unnest(${known.map((one) => one.videoId)}::int8[], ${known.map((one) => one.commentId)}::int8[],
              ${known.map((one) => one.version)}::int8[], ${known.map((one) => one.down)}::boolean[])
              as w(video_id, id, version, down)
            join interaction.comment c on c.video_id = w.video_id and c.id = w.id and c.moderated < w.version
          ), judged as (
            update interaction.comment c set down = w.down, moderated = w.version
            from wanted w where c.video_id = w.video_id and c.id = w.id
          )
          select video_id, id, down from wanted where was <> down order by id`.execute(transaction);
        const atMs = Date.now();
        for (const { video_id: videoId, id: commentId, down } of rows)
          emit(commentModerated, { videoId, commentId, down, atMs });
      }),
    moderateVideoComments: (standings: readonly VideoCommentsStanding[]): Promise<void> =>
      events.transaction(db, async (transaction, emit) => {
        await addVideos(transaction, [...standings]);
        const videos = await lockVideos(
          transaction,
          standings.map(({ videoId }) => videoId),
        );
        for (const { videoId, version, locked } of standings) {
          const video = videos.get(videoId);
          if (!video || BigInt(version) <= BigInt(video.moderated)) continue;
          await transaction
            .updateTable("video")
            .set({ locked, moderated: version })
            .where("video_id", "=", videoId)
            .execute();
          const closed = isClosed({ ...video, locked });
          if (closed !== isClosed(video)) emit(commentsClosed, { videoId, closed });
        }
      }),
  };
}

export type ModerationStore = ReturnType<typeof moderationStore>;
