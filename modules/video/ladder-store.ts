import { videoImproved } from "#contracts/events.ts";
import type { VideoId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import { roomPerFile } from "#platform/blob/blob-store.ts";
import type { Kysely, Queryable } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import type { EventWriter } from "#platform/events/events.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { Job } from "#platform/jobs/workers.ts";
import type { MediaInfo } from "#platform/media/media-tool.ts";
import type { Made } from "./bench.ts";
import { isUsed, releaseBlobs, releaseKeys } from "./blob-use-store.ts";
import { type KeepSources, replacedLifetimeMs } from "./rules.ts";
import { averageBitrate, lockShown, shownBy, shownColumns } from "./shown-files.ts";
import { reasonOfTry, stepBegins } from "./steps.ts";
import type { Tables } from "./tables.ts";
import { unpublishedBytes } from "./upload-store.ts";

/** The job that releases what was replaced: `{video} {untilMs}`. */
export const releaseReplacedKind = "release-replaced";

type MadeLadder = Extract<Made, { kind: "rungs" }>;

/** The rungs of finished videos, also of drafts: waiting → running → done | failed. */
export function ladderStore(db: Kysely<Tables>, events: EventWriter<Tables>, keepSources: KeepSources) {
  const unfinished = ["waiting", "running"] as const;

  /** Releases what the video uses and no longer needs: what earlier tries have made. */
  async function releaseRest(on: Queryable<Tables>, id: VideoId, jobs: Jobs) {
    const video = await on
      .selectFrom("video")
      .select(["source_key", ...shownColumns])
      .where("id", "=", id)
      .executeTakeFirstOrThrow();
    const source = keepSources === "off" ? [] : [video.source_key];
    await releaseBlobs(on, jobs, [id], [...source, ...(await shownBy(on, id, video))]);
  }

  /** Keeps for a while what is not shown any more. */
  async function keepReplaced(on: Queryable<Tables>, id: VideoId, shownBefore: string[], jobs: Jobs) {
    const { replaced: earlier, ...video } = await on
      .selectFrom("video")
      .select(shownColumns)
      .where("id", "=", id)
      .executeTakeFirstOrThrow();
    const now = new Set(await shownBy(on, id, { ...video, replaced: [] }));
    const untilMs = Date.now() + replacedLifetimeMs;
    const known = new Set(earlier.map(({ key }) => key));
    const added = shownBefore.filter((key) => !now.has(key) && !known.has(key));
    if (added.length === 0) return;
    const replaced = JSON.stringify([...earlier, ...added.map((key) => ({ key, untilMs }))]);
    await on.updateTable("video").set({ replaced }).where("id", "=", id).execute();
    await jobs.add(on, releaseReplacedKind, `${id} ${untilMs}`, { runAt: new Date(untilMs) });
  }

  return {
    /** Releases what was replaced long enough ago. */
    async releaseReplaced(job: Pick<Job, "key" | "finish">, jobs: Jobs): Promise<void> {
      const [id = "", untilMs = ""] = job.key.split(" ");
      await inTransaction(db, async (transaction) => {
        const video = await lockShown(transaction, id);
        await job.finish(transaction);
        // It was deleted meanwhile.
        if (!video) return;
        const replaced = video.replaced.filter((one) => one.untilMs > Number(untilMs));
        await transaction
          .updateTable("video")
          .set({ replaced: JSON.stringify(replaced) })
          .where("id", "=", id)
          .execute();
        // Only these: a ladder may be running, whose files are not shown yet.
        const shown = new Set(await shownBy(transaction, id, { ...video, replaced }));
        const over = video.replaced.map(({ key }) => key).filter((key) => !shown.has(key));
        await releaseKeys(transaction, jobs, id, over);
      });
    },
    /** Starts a try: undefined if the video is gone or its ladder finished. The input is the best file that there is, unless the published one is asked for. */
    async startLadder(
      id: VideoId,
      fromPlayFile: boolean,
    ): Promise<{ authorId: string; inputKey: string; isSource: boolean; info: MediaInfo } | undefined> {
      const video = await db
        .updateTable("video")
        .set({ ladder: "running", steps: stepBegins("improving") })
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
    /** A try failed and another one follows: it waits again. */
    async waitAgain(id: VideoId, error: unknown, nextTryAt: Date): Promise<void> {
      const told = { reason: reasonOfTry(error), nextTryAtMs: nextTryAt.getTime() };
      await db
        .updateTable("video")
        .set({ ladder: "waiting", steps: stepBegins("improving", told) })
        .where("id", "=", id)
        .where("ladder", "in", unfinished)
        .execute();
    },
    /** The room that uploads on their way were promised. */
    async promisedBytes(): Promise<number> {
      const { all, placed } = await unpublishedBytes(db);
      return Math.max(0, all * roomPerFile - placed);
    },
    /** The end: the rungs, what the video shows of them, the event and the job, in one transaction. Error: BUSY. */
    async finishLadder(
      id: VideoId,
      { rungs: made, wanted, loudness, storyboard }: MadeLadder,
      job: Pick<Job, "finish" | "traceId">,
      jobs: Jobs,
    ): Promise<void> {
      await events.transaction(db, async (transaction, emit) => {
        const was = await transaction
          .selectFrom("video")
          .select(shownColumns)
          .where("id", "=", id)
          .where("ladder", "in", unfinished)
          .forUpdate()
          .executeTakeFirst();
        if (!was) return;
        // The same bytes as before may have been let go of as replaced since they were kept: another try keeps them again.
        for (const { key } of storyboard ? [...made, storyboard] : made)
          if (!(await isUsed(transaction, key, id))) throw refusal("BUSY");
        const shownBefore = await shownBy(transaction, id, was);
        // An operator may want none by now: what there is stays, and a backfill finds it when they are wanted again.
        const isWanted = wanted > 0;
        // The video is locked before the job, as when it is deleted; else the two could deadlock.
        await transaction
          .updateTable("video")
          .set({
            ladder: !isWanted ? "none" : made.length === wanted ? "done" : "failed",
            steps: stepBegins("improving", made.length === wanted ? {} : { reason: "RENDITIONS_FAILED" }),
            ...(isWanted && {
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
            }),
          })
          .where("id", "=", id)
          .execute();
        await job.finish(transaction);
        if (isWanted) await transaction.deleteFrom("rendition").where("video_id", "=", id).execute();
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
        await keepReplaced(transaction, id, shownBefore, jobs);
        await releaseRest(transaction, id, jobs);
        emit(videoImproved, { videoId: id }, job.traceId);
      });
    },
    /** The other end: none could be made. The caller removes the job. */
    async failLadder(id: VideoId, jobs: Jobs): Promise<void> {
      await events.transaction(db, async (transaction, emit) => {
        const video = await transaction
          .updateTable("video")
          .set({ ladder: "failed", steps: stepBegins("improving", { reason: "RENDITIONS_FAILED" }) })
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
