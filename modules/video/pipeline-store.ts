import { sql } from "kysely";
import { videoPublished, videoVisibilityChanged } from "#contracts/events.ts";
import type { VideoId } from "#contracts/ids.ts";
import type { Kysely } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { EventWriter } from "#platform/events/events.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { Job } from "#platform/jobs/workers.ts";
import { countWorks } from "./author-rows.ts";
import { blobUseStore, releaseBlobs } from "./blob-use-store.ts";
import { shownKeys } from "./shown-files.ts";
import type { StoredPicture, Tables } from "./tables.ts";
import type { VideoRow } from "./video-lists.ts";
import { toVisibility } from "./visibility.ts";

/** What is published, with the blobs that are kept for it. */
export interface PublishedFile {
  playKey: string;
  coverKey: string;
  /** A ThumbHash of the cover. */
  thumbHash: string;
  /** Times whose pictures would do as covers, the best first. */
  coverTimesMs: number[];
  sizeBytes: number;
  durationMs: number;
  width: number;
  height: number;
  /** Notices for the author. */
  notices: string[];
  /** Of a post of pictures. */
  pictures: StoredPicture[];
  /** How many rungs are to be made of it afterwards. */
  rungs: number;
  keepsSource: boolean;
}

/** The states of a video in the pipeline, from the first try to one of the two ends. */
export function pipelineStore(db: Kysely<Tables>, events: EventWriter<Tables>) {
  return {
    ...blobUseStore(db),
    /** Starts a try of the pipeline; undefined if the video is gone or already finished. */
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
    /**
     * The end of the pipeline: state, count, event, released blobs and the job, in one transaction. False if the
     * video is gone.
     */
    async finish(
      id: VideoId,
      result: PublishedFile,
      job: Pick<Job, "finish" | "traceId">,
      jobs: Jobs,
    ): Promise<boolean> {
      const shown = shownKeys({
        ...{ play_key: result.playKey, cover_key: result.coverKey },
        ...{ storyboard: null, pictures: result.pictures },
      });
      return events.transaction(db, async (transaction, emit) => {
        // The video is locked before the job, as when it is deleted; else the two could deadlock.
        const video = await transaction
          .updateTable("video")
          .set({
            state: "published",
            progress: 1,
            play_key: result.playKey,
            cover_key: result.coverKey,
            thumb_hash: result.thumbHash,
            cover_times_ms: result.coverTimesMs,
            size_bytes: result.sizeBytes,
            duration_ms: result.durationMs,
            width: result.width,
            height: result.height,
            notices: result.notices,
            pictures: JSON.stringify(result.pictures),
            ladder: result.rungs > 0 ? "waiting" : "none",
            ladder_rungs: result.rungs,
            published_ms: sql`floor(extract(epoch from clock_timestamp()) * 1000)`,
          })
          .where("id", "=", id)
          .where("state", "=", "processing")
          .returning(["author_id", "published_ms", "visibility", "source_key"])
          .executeTakeFirst();
        if (!video) return false;
        await job.finish(transaction);
        const isPublic = video.visibility === "public";
        if (isPublic) await countWorks(transaction, video.author_id, 1);
        if (result.rungs > 0) await jobs.add(transaction, "ladder", id, { traceId: job.traceId });
        const published = {
          videoId: id,
          authorId: video.author_id,
          publishedAtMs: Number(video.published_ms),
        };
        if (isPublic) emit(videoPublished, published, job.traceId);
        else {
          const change = { ...published, now: toVisibility(video.visibility), blobKeys: shown };
          emit(videoVisibilityChanged, change, job.traceId);
        }
        const kept = [...shown, ...(result.keepsSource ? [video.source_key] : [])];
        await releaseBlobs(transaction, jobs, [id], kept);
        return true;
      });
    },
    /** The other end: a failure with its reason. Releases the blobs; the caller removes the job. */
    async fail(id: VideoId, failure: { reason: string; message: string }, jobs: Jobs): Promise<void> {
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
  };
}

export type PipelineStore = ReturnType<typeof pipelineStore>;
