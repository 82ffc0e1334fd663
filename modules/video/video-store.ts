import { videoDeleted, videoHeldChanged, videoImproved, videoRetitled } from "#contracts/events.ts";
import type { UserId, VideoId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { Kysely, Transaction } from "#platform/db/database.ts";
import type { EventWriter } from "#platform/events/events.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { countWorks, lockAuthor } from "./author-rows.ts";
import { releaseBlobs } from "./blob-use-store.ts";
import { type KeptPicture, keepPictures } from "./kept-pictures.ts";
import { type Mentions, mentionsIn } from "./mentions.ts";
import { publishAtKey, publishAtKind, publishReady, schedulePublication } from "./publication.ts";
import { type NewCover, showCover, showPictures } from "./shown-changes.ts";
import { shownBy, shownColumns } from "./shown-files.ts";
import type { Tables } from "./tables.ts";
import { videoLists } from "./video-lists.ts";
import { toVisibility, type VisibilityName } from "./visibility.ts";
import { heldWithin, movable, tellMove, wishedOf } from "./visibility-changes.ts";

/** What is changed of a video; `mentions` has those of the new texts. */
export interface VideoChange {
  title?: string;
  description?: string;
  mentions: Mentions;
  visibility?: VisibilityName;
  download_allowed?: boolean;
  draft?: boolean;
  /** Null: at no set time. */
  publish_at_ms?: number | null;
  /** Of a post of pictures: those that stay, in their order. */
  kept?: KeptPicture[];
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
          .returning(["state", "published_ms", "visibility", "publish_at_ms", ...shownColumns])
          .executeTakeFirst();
        if (!video) return false;
        if (video.state === "published" && video.visibility === "public")
          await countWorks(transaction, authorId, -1);
        const ofPipeline = ["process", "pictures", "ladder"];
        await transaction.deleteFrom("job").where("kind", "in", ofPipeline).where("key", "=", id).execute();
        if (video.publish_at_ms !== null)
          await transaction
            .deleteFrom("job")
            .where("kind", "=", publishAtKind)
            .where("key", "=", publishAtKey(id, video.publish_at_ms))
            .execute();
        const blobKeys = await shownBy(transaction, id, video);
        await transaction.deleteFrom("rendition").where("video_id", "=", id).execute();
        await releaseBlobs(transaction, jobs, [id]);
        const publishedAtMs = Number(video.published_ms ?? 0);
        const was = toVisibility(video.visibility);
        emit(videoDeleted, { videoId: id, authorId, publishedAtMs, blobKeys, was });
        return true;
      });
    },
    /**
     * Changes a video, with its count, job and events; a draft that need not wait any more is published with it. False
     * if it is not the author's or is on hold, or if it is to get another cover and is not made. Errors:
     * ALREADY_PUBLISHED, PICTURES_NOT_MADE, INVALID_ARGUMENT, BUSY.
     */
    async updateVideo(
      id: VideoId,
      authorId: UserId,
      { kept, ...change }: VideoChange,
      jobs: Jobs,
      cover?: NewCover,
    ): Promise<boolean> {
      return events.transaction(db, async (transaction, emit) => {
        const found = await changeable(transaction, id, authorId);
        if (!found) return false;
        const publishAtMs = found.publish_at_ms === null ? null : Number(found.publish_at_ms);
        const was = { ...found, publish_at_ms: publishAtMs };
        const published = was.state === "published";
        const made = published || was.state === "ready";
        if (published && (change.draft || change.publish_at_ms)) throw refusal("ALREADY_PUBLISHED");
        if (cover) {
          if (!made) return false;
          await showCover(transaction, { id, was: was.cover_key, cover }, jobs);
          if (published) emit(videoImproved, { videoId: id });
        }
        if (kept && !made) throw refusal("PICTURES_NOT_MADE");
        const pictures = kept && keepPictures(was.pictures, kept);
        const blobKeys = pictures ? await showPictures(transaction, { id, was, pictures }, jobs) : [];
        const wished = change.visibility ?? wishedOf(was);
        const now = { ...was, ...change, ...heldWithin(wished, was.reach) };
        const edited =
          pictures !== undefined || now.title !== was.title || now.description !== was.description;
        const changed = edited || now.download_allowed !== was.download_allowed;
        const moved = wished !== wishedOf(was);
        const timed = now.draft !== was.draft || now.publish_at_ms !== was.publish_at_ms;
        if (!changed && !moved && !timed) return true;
        await transaction
          .updateTable("video")
          .set({
            title: now.title,
            description: now.description,
            mentions: JSON.stringify(
              mentionsIn({ ...was.mentions, ...change.mentions }, now.title, now.description),
            ),
            visibility: now.visibility,
            wished_visibility: now.wished_visibility,
            download_allowed: now.download_allowed,
            draft: now.draft,
            publish_at_ms: now.publish_at_ms,
            ...(edited && published && { edited_at: new Date() }),
          })
          .where("id", "=", id)
          .execute();
        if (!published) {
          if (timed) await schedulePublication(transaction, jobs, { id, publishAtMs: now.publish_at_ms });
          if (was.state === "ready" && !now.draft) await publishReady(transaction, emit, id);
          return true;
        }
        if (changed) emit(videoRetitled, { videoId: id, authorId, blobKeys });
        await tellMove(transaction, emit, was, now.visibility);
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
        emit(videoHeldChanged, { videoId: id, authorId: video.author_id, held, atMs: Date.now() });
        return true;
      });
    },
  };
}

/** What may be changed of a video, locked until the transaction ends. */
const changeable = (on: Transaction<Tables>, id: VideoId, authorId: UserId) =>
  on
    .selectFrom("video")
    .select(["id", "title", "description", "mentions", "download_allowed", "draft", "publish_at_ms"])
    .select(["wished_visibility", "reach", "size_bytes", "original_bytes", ...movable])
    .where("id", "=", id)
    .where("author_id", "=", authorId)
    .where("held", "=", false)
    .forUpdate()
    .executeTakeFirst();

export type VideoStore = ReturnType<typeof videoStore>;
