import {
  videoDeleted,
  videoHeldChanged,
  videoImproved,
  videoRetitled,
  videoVisibilityChanged,
} from "#contracts/events.ts";
import type { UserId, VideoId } from "#contracts/ids.ts";
import type { Kysely, Transaction } from "#platform/db/database.ts";
import type { EventWriter } from "#platform/events/events.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { countWorks, lockAuthor } from "./author-rows.ts";
import { lockBlob, releaseBlobs } from "./blob-use-store.ts";
import { type Mentions, mentionsIn } from "./mentions.ts";
import { shownBy, shownColumns } from "./shown-files.ts";
import type { Tables } from "./tables.ts";
import { videoLists } from "./video-lists.ts";
import { toVisibility, type VisibilityName } from "./visibility.ts";

/** What is changed of a video; `mentions` has those of the new texts. */
export interface VideoChange {
  title?: string;
  description?: string;
  mentions: Mentions;
  visibility?: VisibilityName;
  download_allowed?: boolean;
}

/** Videos as they are read, changed, deleted and held. Everything that lasts is written in one transaction with the fact. */
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
          .returning(["state", "published_ms", "visibility", ...shownColumns])
          .executeTakeFirst();
        if (!video) return false;
        if (video.state === "published" && video.visibility === "public")
          await countWorks(transaction, authorId, -1);
        const ofPipeline = ["process", "pictures", "ladder"];
        await transaction.deleteFrom("job").where("kind", "in", ofPipeline).where("key", "=", id).execute();
        const blobKeys = await shownBy(transaction, id, video);
        await transaction.deleteFrom("rendition").where("video_id", "=", id).execute();
        await releaseBlobs(transaction, jobs, [id]);
        const publishedAtMs = Number(video.published_ms ?? 0);
        emit(videoDeleted, { videoId: id, authorId, publishedAtMs, blobKeys });
        return true;
      });
    },
    /** Changes a video, with its count and events; false if it is not the author's or is on hold. */
    async updateVideo(id: VideoId, authorId: UserId, change: VideoChange): Promise<boolean> {
      return events.transaction(db, async (transaction, emit) => {
        const was = await changeable(transaction, id, authorId);
        if (!was) return false;
        const now = { ...was, ...change };
        const edited = now.title !== was.title || now.description !== was.description;
        const changed = edited || now.download_allowed !== was.download_allowed;
        const moved = now.visibility !== was.visibility;
        if (!changed && !moved) return true;
        const published = was.state === "published";
        await transaction
          .updateTable("video")
          .set({
            title: now.title,
            description: now.description,
            mentions: JSON.stringify(
              mentionsIn({ ...was.mentions, ...change.mentions }, now.title, now.description),
            ),
            visibility: now.visibility,
            download_allowed: now.download_allowed,
            ...(edited && published && { edited_at: new Date() }),
          })
          .where("id", "=", id)
          .execute();
        // An unpublished video was shown to nobody else.
        if (!published) return true;
        if (changed) emit(videoRetitled, { videoId: id, authorId });
        if (!moved) return true;
        const [wasPublic, isPublic] = [was, now].map(({ visibility }) => visibility === "public");
        if (wasPublic !== isPublic) await countWorks(transaction, authorId, isPublic ? 1 : -1);
        emit(videoVisibilityChanged, {
          videoId: id,
          authorId,
          publishedAtMs: Number(was.published_ms),
          was: toVisibility(was.visibility),
          now: toVisibility(now.visibility),
          blobKeys: await shownBy(transaction, id, was),
        });
        return true;
      });
    },
    /** Gives a published video another cover, whose file `place` puts in its place; false if it is not the author's to change. */
    async setCover(
      id: VideoId,
      authorId: UserId,
      cover: { key: string; thumbHash: string; place(): Promise<void> },
      jobs: Jobs,
    ): Promise<boolean> {
      return events.transaction(db, async (transaction, emit) => {
        // Locked, so that nobody takes the new file for one that is not needed.
        const was = await changeable(transaction, id, authorId);
        if (was?.state !== "published") return false;
        await lockBlob(transaction, cover.key);
        await transaction
          .insertInto("blob_use")
          .values({ key: cover.key, owner_id: id })
          .onConflict((conflict) => conflict.doNothing())
          .execute();
        await cover.place();
        await transaction
          .updateTable("video")
          .set({ cover_key: cover.key, thumb_hash: cover.thumbHash })
          .where("id", "=", id)
          .execute();
        if (was.cover_key !== cover.key) {
          await transaction
            .deleteFrom("blob_use")
            .where("owner_id", "=", id)
            .where("key", "=", was.cover_key)
            .execute();
          await lockBlob(transaction, was.cover_key);
          await jobs.add(transaction, "remove-blob", was.cover_key);
        }
        emit(videoImproved, { videoId: id });
        return true;
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

/** What may be changed of a video, locked until the transaction ends. */
const changeable = (on: Transaction<Tables>, id: VideoId, authorId: UserId) =>
  on
    .selectFrom("video")
    .select(["title", "description", "mentions", "visibility", "download_allowed"])
    .select(["state", "published_ms", ...shownColumns])
    .where("id", "=", id)
    .where("author_id", "=", authorId)
    .where("held", "=", false)
    .forUpdate()
    .executeTakeFirst();

export type VideoStore = ReturnType<typeof videoStore>;
