import { sql } from "kysely";
import { videoFailed } from "#contracts/events.ts";
import type { VideoId } from "#contracts/ids.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { EventWriter } from "#platform/events/events.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { Job } from "#platform/jobs/workers.ts";
import { blobUseStore, releaseBlobs } from "./blob-use-store.ts";
import { publishReady } from "./publication.ts";
import { shownKeys } from "./shown-files.ts";
import { improvingProgress, reasonOfTry, stepBegins } from "./steps.ts";
import type { StoredPicture, Tables } from "./tables.ts";
import type { VideoRow } from "./video-lists.ts";

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
        .set({ state: "processing", progress: 0, steps: stepBegins("processing") })
        .where("id", "=", id)
        .where("state", "in", ["uploaded", "processing"])
        .returningAll()
        .executeTakeFirst(),
    /** Of the work that is under way: what is published, or later its rungs. */
    async setProgress(id: VideoId, progress: number): Promise<void> {
      await sql`
        update video.video set
          progress = case when state = 'processing' then ${progress}::float4 else progress end,
          steps = case when state = 'processing' then steps else ${improvingProgress(progress)} end
        where id = ${id} and (state = 'processing' or ladder = 'running')`.execute(db);
    },
    /** A try failed and another one follows: it waits again. */
    async waitAgain(id: VideoId, error: unknown, nextTryAt: Date): Promise<void> {
      const told = { reason: reasonOfTry(error), nextTryAtMs: nextTryAt.getTime() };
      await db
        .updateTable("video")
        .set({ state: "uploaded", progress: 0, steps: stepBegins("processing", told) })
        .where("id", "=", id)
        .where("state", "in", ["uploaded", "processing"])
        .execute();
    },
    /**
     * The end of the pipeline: state, count, event, released blobs and the job, in one transaction. A draft is not
     * published yet. False if the video is gone.
     */
    async finish(
      id: VideoId,
      result: PublishedFile,
      job: Pick<Job, "finish" | "traceId">,
      jobs: Jobs,
    ): Promise<boolean> {
      const shown = shownKeys({
        ...{ play_key: result.playKey, cover_key: result.coverKey },
        ...{ storyboard: null, pictures: result.pictures, replaced: [] },
      });
      return events.transaction(db, async (transaction, emit) => {
        // The video is locked before the job, as when it is deleted; else the two could deadlock.
        const video = await transaction
          .updateTable("video")
          .set({
            state: "ready",
            progress: 1,
            play_key: result.playKey,
            cover_key: result.coverKey,
            thumb_hash: result.thumbHash,
            cover_times_ms: result.coverTimesMs,
            // From here on it is that of what is shown.
            original_bytes: sql<string>`coalesce(original_bytes, size_bytes)`,
            size_bytes: result.sizeBytes,
            duration_ms: result.durationMs,
            width: result.width,
            height: result.height,
            notices: result.notices,
            pictures: JSON.stringify(result.pictures),
            ladder: result.rungs > 0 ? "waiting" : "none",
            ladder_rungs: result.rungs,
            steps: stepBegins(result.rungs > 0 ? ["processing", "improving"] : "processing"),
          })
          .where("id", "=", id)
          // That an earlier try failed may be told late.
          .where("state", "in", ["uploaded", "processing"])
          .returning([
            "source_key",
            sql<boolean>`coalesce(
              not draft or publish_at_ms <= extract(epoch from clock_timestamp()) * 1000, false)`.as("due"),
          ])
          .executeTakeFirst();
        if (!video) return false;
        await job.finish(transaction);
        if (result.rungs > 0) await jobs.add(transaction, "ladder", id, { traceId: job.traceId });
        if (video.due) await publishReady(transaction, emit, id, job.traceId);
        const kept = [...shown, ...(result.keepsSource ? [video.source_key] : [])];
        await releaseBlobs(transaction, jobs, [id], kept);
        return true;
      });
    },
    /** The other end: a failure with its reason and its event. Releases the blobs; the caller removes the job. */
    async fail(
      id: VideoId,
      failure: { reason: string; message: string },
      jobs: Jobs,
      traceId?: string,
    ): Promise<void> {
      await events.transaction(db, async (transaction, emit) => {
        const failed = await transaction
          .updateTable("video")
          .set({
            state: "failed",
            failure_reason: failure.reason,
            failure_message: failure.message,
            steps: stepBegins("processing", { reason: failure.reason }),
          })
          .where("id", "=", id)
          .where("state", "in", ["uploaded", "processing"])
          .returning("author_id")
          .executeTakeFirst();
        if (!failed) return;
        await releaseBlobs(transaction, jobs, [id]);
        const event = { videoId: id, authorId: failed.author_id, reason: failure.reason, atMs: Date.now() };
        emit(videoFailed, event, traceId);
      });
    },
  };
}

export type PipelineStore = ReturnType<typeof pipelineStore>;
