import { videoDeleted, videoHeldChanged, videoRetitled } from "#contracts/events.ts";
import type { UserId, VideoId } from "#contracts/ids.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { EventWriter } from "#platform/events/events.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { countWorks, lockAuthor } from "./author-rows.ts";
import { releaseBlobs } from "./blob-use-store.ts";
import type { Tables } from "./tables.ts";
import { videoLists } from "./video-lists.ts";

/** Videos as they are read, deleted and held. Everything that lasts is written in one transaction with the fact. */
export function videoStore(db: Kysely<Tables>, events: EventWriter<Tables>) {
  return {
    ...videoLists(db),
    /**
     * Removes a video with its count, its job, its event and its use of blobs; false if it is not the author's or is
     * on hold.
     */
    async deleteVideo(id: VideoId, authorId: UserId, jobs: Jobs): Promise<boolean> {
      return events.transaction(db, async (transaction, emit) => {
        const video = await transaction
          .deleteFrom("video")
          .where("id", "=", id)
          .where("author_id", "=", authorId)
          .where("held", "=", false)
          .returning(["state", "published_ms"])
          .executeTakeFirst();
        if (!video) return false;
        if (video.state === "published") await countWorks(transaction, authorId, -1);
        const ofPipeline = ["process", "ladder"];
        await transaction.deleteFrom("job").where("kind", "in", ofPipeline).where("key", "=", id).execute();
        await transaction.deleteFrom("rendition").where("video_id", "=", id).execute();
        await releaseBlobs(transaction, jobs, [id]);
        emit(videoDeleted, { videoId: id, authorId, publishedAtMs: Number(video.published_ms ?? 0) });
        return true;
      });
    },
    /** Changes the title, with an event; false if it is not the author's or is on hold. */
    async changeTitle(id: VideoId, authorId: UserId, title: string): Promise<boolean> {
      return events.transaction(db, async (transaction, emit) => {
        const video = await transaction
          .updateTable("video")
          .set({ title })
          .where("id", "=", id)
          .where("author_id", "=", authorId)
          .where("held", "=", false)
          .returning("state")
          .executeTakeFirst();
        // An unpublished video was shown to nobody else.
        if (video?.state === "published") emit(videoRetitled, { videoId: id, authorId });
        return video !== undefined;
      });
    },
    /** Puts a video on hold or ends the hold; false if there is none. */
    async setHeld(id: VideoId, held: boolean): Promise<boolean> {
      return events.transaction(db, async (transaction, emit) => {
        const video = await transaction
          .updateTable("video")
          .set({ held })
          .where("id", "=", id)
          .returning("author_id")
          .executeTakeFirst();
        if (!video) return false;
        await lockAuthor(transaction, video.author_id);
        emit(videoHeldChanged, { videoId: id });
        return true;
      });
    },
  };
}

export type VideoStore = ReturnType<typeof videoStore>;
