import { videoImproved } from "#contracts/events.ts";
import type { VideoId } from "#contracts/ids.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import type { EventWriter } from "#platform/events/events.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { Job } from "#platform/jobs/workers.ts";
import type { Rung } from "#platform/media/media-tool.ts";
import { blobUseStore, releaseBlobs } from "./blob-use-store.ts";
import type { Tables } from "./tables.ts";

export interface MadeRung extends Rung {
  shortSide: number;
  key: string;
  sizeBytes: number;
}

/** The rungs of finished videos, also of drafts: waiting → running → done | failed. */
export function ladderStore(db: Kysely<Tables>, events: EventWriter<Tables>) {
  const unfinished = ["waiting", "running"] as const;

  /** Releases what the video uses and no longer needs: what earlier tries have made. */
  async function releaseRest(on: Queryable<Tables>, id: VideoId, jobs: Jobs) {
    const video = await on
      .selectFrom("video")
      .select(["play_key", "cover_key", "source_key"])
      .where("id", "=", id)
      .executeTakeFirstOrThrow();
    const rungs = await on.selectFrom("rendition").select("key").where("video_id", "=", id).execute();
    const keys = [video.play_key, video.cover_key, video.source_key, ...rungs.map(({ key }) => key)];
    await releaseBlobs(on, jobs, [id], keys);
  }

  return {
    ...blobUseStore(db),
    /** Starts a try: undefined if the video is gone or its ladder finished. The input is the best file that there is. */
    async startLadder(id: VideoId): Promise<{ authorId: string; inputKey: string } | undefined> {
      const video = await db
        .updateTable("video")
        .set({ ladder: "running" })
        .where("id", "=", id)
        .where("state", "in", ["ready", "published"])
        .where("ladder", "in", unfinished)
        .returning(["author_id", "play_key", "source_key"])
        .executeTakeFirst();
      if (!video) return undefined;
      // A source that was only copied was released.
      const source = await db
        .selectFrom("blob_use")
        .select("key")
        .where("key", "=", video.source_key)
        .where("owner_id", "=", id)
        .executeTakeFirst();
      return { authorId: video.author_id, inputKey: source?.key ?? video.play_key };
    },
    /** The end: the rungs, what the video shows of them, the event and the job, in one transaction. */
    async finishLadder(id: VideoId, made: MadeRung[], wanted: number, job: Job, jobs: Jobs): Promise<void> {
      await events.transaction(db, async (transaction, emit) => {
        // The video is locked before the job, as when it is deleted; else the two could deadlock.
        const video = await transaction
          .updateTable("video")
          .set({
            ladder: made.length === wanted ? "done" : "failed",
            ladder_rungs: wanted,
            renditions: JSON.stringify(
              made.map(({ shortSide, width, height, ...rung }) => ({
                shortSide,
                width,
                height,
                bitrate: averageBitrate(rung),
              })),
            ),
          })
          .where("id", "=", id)
          .where("ladder", "in", unfinished)
          .returning("id")
          .executeTakeFirst();
        if (!video) return;
        await job.finish(transaction);
        await transaction.deleteFrom("rendition").where("video_id", "=", id).execute();
        // An operator may want none by now.
        if (made.length > 0)
          await transaction
            .insertInto("rendition")
            .values(
              made.map(({ shortSide, key, width, height, codecs, fps, initBytes, fragments }) => ({
                video_id: id,
                short_side: shortSide,
                key,
                width,
                height,
                codecs,
                fps: fps.num / fps.den,
                init_bytes: initBytes,
                fragment_bytes: fragments.map(({ bytes }) => bytes),
                fragment_us: fragments.map(({ durationUs }) => durationUs),
              })),
            )
            .execute();
        await releaseRest(transaction, id, jobs);
        emit(videoImproved, { videoId: id }, job.traceId);
      });
    },
    /** The other end: none could be made. The caller removes the job. */
    async failLadder(id: VideoId, jobs: Jobs): Promise<void> {
      await events.transaction(db, async (transaction, emit) => {
        const video = await transaction
          .updateTable("video")
          .set({ ladder: "failed" })
          .where("id", "=", id)
          .where("ladder", "in", unfinished)
          .returning("id")
          .executeTakeFirst();
        if (!video) return;
        await releaseRest(transaction, id, jobs);
        emit(videoImproved, { videoId: id });
      });
    },
  };
}

function averageBitrate({ fragments }: Pick<MadeRung, "fragments">): number {
  const us = fragments.reduce((sum, { durationUs }) => sum + durationUs, 0);
  const bytes = fragments.reduce((sum, fragment) => sum + fragment.bytes, 0);
  return Math.round((bytes * 8 * 1_000_000) / us);
}

export type LadderStore = ReturnType<typeof ladderStore>;
