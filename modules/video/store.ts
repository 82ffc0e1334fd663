import { type Selectable, sql } from "kysely";
import { videoDeleted, videoPublished } from "#contracts/events.ts";
import type { UploadId, UserId, VideoId } from "#contracts/ids.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { Events } from "#platform/events/events.ts";
import type { Job, JobQueue } from "#platform/jobs/job-queue.ts";
import { holdAuthor } from "./account-store.ts";
import { lockBlob, releaseBlobs } from "./release-blobs.ts";
import type { Tables } from "./tables.ts";

export type VideoRow = Selectable<Tables["video"]>;
/** What others are shown of a video: without what only the pipeline needs, which is most of a row. */
export type ShownVideo = Omit<VideoRow, "info" | "source_key" | "upload_id">;

const shown = [
  ...(["id", "author_id", "title", "state", "progress", "failure_reason", "failure_message"] as const),
  ...(["play_key", "cover_key", "duration_ms", "width", "height", "size_bytes"] as const),
  ...(["created_at", "published_ms", "held"] as const),
] satisfies (keyof ShownVideo)[];

/** All SQL of the module. Everything that lasts with a fact is written in the fact's transaction. */
export function videoStore(db: Kysely<Tables>, events: Events) {
  return {
    /** The upload and its hold on the blob. Error: PeopleGone, as for everything that comes in from an author. */
    async addUpload(upload: {
      id: UploadId;
      ownerId: UserId;
      sourceKey: string;
      sizeBytes: number;
      info: object;
    }) {
      await inTransaction(db, async (transaction) => {
        await holdAuthor(transaction, upload.ownerId);
        await lockBlob(transaction, upload.sourceKey);
        await transaction
          .insertInto("blob_use")
          .values({ key: upload.sourceKey, owner_id: upload.id })
          .execute();
        await transaction
          .insertInto("upload")
          .values({
            owner_id: upload.ownerId,
            id: upload.id,
            source_key: upload.sourceKey,
            size_bytes: upload.sizeBytes,
            info: JSON.stringify(upload.info),
          })
          .execute();
      });
    },

    /**
     * Turns an upload into a video with its first job, once: undefined when there is neither such an upload
     * nor a video made of it.
     */
    async publish(
      video: { id: VideoId; authorId: UserId; uploadId: UploadId; title: string },
      jobs: JobQueue,
    ): Promise<VideoRow | undefined> {
      return inTransaction(db, async (transaction) => {
        const upload = await transaction
          .deleteFrom("upload")
          .where("owner_id", "=", video.authorId)
          .where("id", "=", video.uploadId)
          .returningAll()
          .executeTakeFirst();
        if (!upload) {
          return transaction
            .selectFrom("video")
            .selectAll()
            .where("author_id", "=", video.authorId)
            .where("upload_id", "=", video.uploadId)
            .executeTakeFirst();
        }
        await holdAuthor(transaction, video.authorId);
        await transaction
          .updateTable("blob_use")
          .set({ owner_id: video.id })
          .where("owner_id", "=", video.uploadId)
          .execute();
        await jobs.add(transaction, "process", video.id);
        return transaction
          .insertInto("video")
          .values({
            id: video.id,
            author_id: video.authorId,
            upload_id: video.uploadId,
            title: video.title,
            state: "uploaded",
            source_key: upload.source_key,
            duration_ms: upload.info.durationMs,
            width: upload.info.width,
            height: upload.info.height,
            size_bytes: upload.size_bytes,
            info: JSON.stringify(upload.info),
          })
          .returningAll()
          .executeTakeFirstOrThrow();
      });
    },

    videosById: (ids: string[]): Promise<ShownVideo[]> =>
      db.selectFrom("video").select(shown).where("id", "=", sql<string>`any(${ids}::int8[])`).execute(),
    listByAuthor(authorId: UserId, page: { beforeId?: string; limit: number; everyState: boolean }) {
      let videos = db.selectFrom("video").select(shown).where("author_id", "=", authorId);
      if (page.beforeId) videos = videos.where("id", "<", page.beforeId);
      if (!page.everyState) videos = videos.where("state", "=", "published");
      return videos.orderBy("id", "desc").limit(page.limit).execute();
    },
    listPublished(before: { ms: number; id: string } | undefined, limit: number) {
      let videos = db.selectFrom("video").select(["id", "published_ms"]).where("state", "=", "published");
      if (before) {
        videos = videos.where(sql<boolean>`(published_ms, id) < (${before.ms}::int8, ${before.id}::int8)`);
      }
      return videos.orderBy("published_ms", "desc").orderBy("id", "desc").limit(limit).execute();
    },
    works: (authorIds: string[]) =>
      db
        .selectFrom("author_stats")
        .selectAll()
        .where("author_id", "=", sql<string>`any(${authorIds}::int8[])`)
        .execute(),

    /** Starts a try of the pipeline; undefined when the video is gone or already finished. */
    startProcessing: (id: VideoId): Promise<VideoRow | undefined> =>
      db
        .updateTable("video")
        .set({ state: "processing", progress: 0 })
        .where("id", "=", id)
        .where("state", "in", ["uploaded", "processing"])
        .returningAll()
        .executeTakeFirst(),
    async setProgress(id: VideoId, progress: number): Promise<void> {
      await db
        .updateTable("video")
        .set({ progress })
        .where("id", "=", id)
        .where("state", "=", "processing")
        .execute();
    },
    /** Takes hold of a blob for a video before it is put in place; false when the video is gone. */
    async holdBlob(key: string, id: VideoId): Promise<boolean> {
      return inTransaction(db, async (transaction) => {
        const video = await transaction
          .selectFrom("video")
          .select("id")
          .where("id", "=", id)
          .forShare()
          .executeTakeFirst();
        if (!video) return false;
        await lockBlob(transaction, key);
        await transaction
          .insertInto("blob_use")
          .values({ key, owner_id: id })
          .onConflict((conflict) => conflict.doNothing())
          .execute();
        return true;
      });
    },
    /** Puts a blob in its place unless its owner has let go of it, and so that nobody removes it meanwhile. */
    async placeBlob(key: string, ownerId: string, place: () => Promise<void>): Promise<boolean> {
      return inTransaction(db, async (transaction) => {
        await lockBlob(transaction, key);
        const use = await transaction
          .selectFrom("blob_use")
          .select("key")
          .where("key", "=", key)
          .where("owner_id", "=", ownerId)
          .executeTakeFirst();
        if (use) await place();
        return use !== undefined;
      });
    },
    /**
     * The end of the pipeline: state, count, event, blobs no longer needed and the job, in one transaction. False
     * when the video is gone.
     */
    async finish(
      id: VideoId,
      result: { playKey: string; coverKey: string; sizeBytes: number; keepKeys: string[] },
      job: Job,
      jobs: JobQueue,
    ): Promise<boolean> {
      return events.transaction(db, async (transaction, emit) => {
        // The video before the job, as when it is deleted: else the two could wait for each other.
        const video = await transaction
          .updateTable("video")
          .set({
            state: "published",
            progress: 1,
            play_key: result.playKey,
            cover_key: result.coverKey,
            size_bytes: result.sizeBytes,
            published_ms: sql`floor(extract(epoch from clock_timestamp()) * 1000)`,
          })
          .where("id", "=", id)
          .where("state", "=", "processing")
          .returning(["author_id", "published_ms"])
          .executeTakeFirst();
        if (!video) return false;
        await job.finish(transaction);
        await countWorks(transaction, video.author_id, 1);
        emit(videoPublished, {
          videoId: id,
          authorId: video.author_id,
          publishedAtMs: Number(video.published_ms),
        });
        await releaseBlobs(transaction, jobs, [id], result.keepKeys);
        return true;
      });
    },
    /** The other end: a failure with its reason. The blobs go, the job is removed by whoever runs it. */
    async fail(id: VideoId, failure: { reason: string; message: string }, jobs: JobQueue): Promise<void> {
      await inTransaction(db, async (transaction) => {
        const failed = await transaction
          .updateTable("video")
          .set({ state: "failed", failure_reason: failure.reason, failure_message: failure.message })
          .where("id", "=", id)
          .where("state", "!=", "published")
          .returning("id")
          .executeTakeFirst();
        if (failed) await releaseBlobs(transaction, jobs, [id]);
      });
    },
    /**
     * Removes a video with its count, its job, an event of it and its use of blobs; false when it is not the author's
     * or is on hold.
     */
    async deleteVideo(id: VideoId, authorId: UserId, jobs: JobQueue): Promise<boolean> {
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
        await transaction.deleteFrom("job").where("kind", "=", "process").where("key", "=", id).execute();
        await releaseBlobs(transaction, jobs, [id]);
        emit(videoDeleted, { videoId: id, authorId, publishedAtMs: Number(video.published_ms ?? 0) });
        return true;
      });
    },
    /** Puts a video on hold, or takes that off; false when there is none. */
    async setHeld(id: VideoId, held: boolean): Promise<boolean> {
      return inTransaction(db, async (transaction) => {
        const video = await transaction
          .updateTable("video")
          .set({ held })
          .where("id", "=", id)
          .returning("author_id")
          .executeTakeFirst();
        if (video) await holdAuthor(transaction, video.author_id);
        return video !== undefined;
      });
    },
    /** Throws away uploads that were never published. */
    async dropUploads(olderThanMs: number, jobs: JobQueue): Promise<number> {
      return inTransaction(db, async (transaction) => {
        const old = await transaction
          .deleteFrom("upload")
          .where("created_at", "<", sql<Date>`now() - ${olderThanMs} * interval '1 ms'`)
          .returning("id")
          .execute();
        await releaseBlobs(
          transaction,
          jobs,
          old.map(({ id }) => id),
        );
        return old.length;
      });
    },
    /**
     * Runs `remove` unless something uses the blob, and so that nothing can begin to meanwhile. The job ends under
     * the same lock: who lets go of the blob later adds another.
     */
    async removeUnusedBlob(job: Pick<Job, "key" | "finish">, remove: () => Promise<void>): Promise<void> {
      await inTransaction(db, async (transaction) => {
        await lockBlob(transaction, job.key);
        const use = await transaction
          .selectFrom("blob_use")
          .select("key")
          .where("key", "=", job.key)
          .executeTakeFirst();
        if (!use) await remove();
        await job.finish(transaction);
      });
    },
  };
}

export type VideoStore = ReturnType<typeof videoStore>;

async function countWorks(on: Queryable<Tables>, authorId: string, change: 1 | -1): Promise<void> {
  await sql`
    insert into video.author_stats as stats (author_id, works) values (${authorId}, ${change})
    on conflict (author_id) do update set works = stats.works + ${change}`.execute(on);
}
