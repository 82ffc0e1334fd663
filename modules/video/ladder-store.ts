import { videoImproved } from "#contracts/events.ts";
import type { VideoId } from "#contracts/ids.ts";
import { roomPerFile } from "#platform/blob/blob-store.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import type { EventWriter } from "#platform/events/events.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { Job } from "#platform/jobs/workers.ts";
import type { MediaInfo } from "#platform/media/media-tool.ts";
import type { Made } from "./bench.ts";
import { releaseBlobs } from "./blob-use-store.ts";
import { averageBitrate, shownBy, shownColumns } from "./shown-files.ts";
import type { Tables } from "./tables.ts";
import { unpublishedBytes } from "./upload-store.ts";

type MadeLadder = Extract<Made, { kind: "rungs" }>;

/** The rungs of finished videos, also of drafts: waiting → running → done | failed. */
export function ladderStore(db: Kysely<Tables>, events: EventWriter<Tables>) {
  const unfinished = ["waiting", "running"] as const;

  /** Releases what the video uses and no longer needs: what earlier tries have made. */
  async function releaseRest(on: Queryable<Tables>, id: VideoId, jobs: Jobs) {
    const video = await on
      .selectFrom("video")
      .select(["source_key", ...shownColumns])
      .where("id", "=", id)
      .executeTakeFirstOrThrow();
    await releaseBlobs(on, jobs, [id], [video.source_key, ...(await shownBy(on, id, video))]);
  }

  return {
    /** Starts a try: undefined if the video is gone or its ladder finished. The input is the best file that there is, unless the published one is asked for. */
    async startLadder(
      id: VideoId,
      fromPlayFile: boolean,
    ): Promise<{ authorId: string; inputKey: string; isSource: boolean; info: MediaInfo } | undefined> {
      const video = await db
        .updateTable("video")
        .set({ ladder: "running" })
        .where("id", "=", id)
        .where("state", "in", ["ready", "published"])
        .where("ladder", "in", unfinished)
        .returning(["author_id", "play_key", "source_key", "info"])
        .executeTakeFirst();
      if (!video) return undefined;
      // A source that was only copied was released.
      const source = await db
        .selectFrom("blob_use")
        .select("key")
        .where("key", "=", video.source_key)
        .where("owner_id", "=", id)
        .executeTakeFirst();
      const sourceKey = fromPlayFile ? undefined : source?.key;
      return {
        authorId: video.author_id,
        inputKey: sourceKey ?? video.play_key,
        isSource: sourceKey !== undefined,
        info: video.info,
      };
    },
    /** The room that uploads on their way were promised. */
    async promisedBytes(): Promise<number> {
      const { all, placed } = await unpublishedBytes(db);
      return Math.max(0, all * roomPerFile - placed);
    },
    /** The end: the rungs, what the video shows of them, the event and the job, in one transaction. */
    async finishLadder(
      id: VideoId,
      { rungs: made, wanted, loudness, storyboard }: MadeLadder,
      job: Pick<Job, "finish" | "traceId">,
      jobs: Jobs,
    ): Promise<void> {
      await events.transaction(db, async (transaction, emit) => {
        // The video is locked before the job, as when it is deleted; else the two could deadlock.
        const video = await transaction
          .updateTable("video")
          .set({
            ladder: made.length === wanted ? "done" : "failed",
            ladder_rungs: wanted,
            loudness: loudness && JSON.stringify(loudness),
            storyboard: storyboard && JSON.stringify(storyboard),
            renditions: JSON.stringify(
              made.map(({ shortSide, width, height, ...rung }) => ({
                shortSide,
                width,
                height,
                bitrate: averageBitrate(
                  rung.fragments.map(({ bytes }) => bytes),
                  rung.fragments.map(({ durationUs }) => durationUs),
                ),
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

export type LadderStore = ReturnType<typeof ladderStore>;
