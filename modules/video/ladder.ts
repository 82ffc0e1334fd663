import type { VideoId } from "#contracts/ids.ts";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import { refusal } from "#platform/errors/reasons.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { Job, JobKind } from "#platform/jobs/workers.ts";
import type { Media, MediaInfo, Rung } from "#platform/media/media-tool.ts";
import { ladderBytes, rungsOf } from "#platform/media/plan.ts";
import type { Logger } from "#platform/observe/log.ts";
import { keepBlob, VideoGone } from "./keep-blob.ts";
import type { LadderStore, MadeRung } from "./ladder-store.ts";

const maxAttempts = 3;

/**
 * Makes the rungs of a published video. It may die and run again after any step: rungs are named by content, and only
 * the last transaction makes them visible, all at once.
 */
export function makeLadder(
  store: LadderStore,
  blobs: BlobStore,
  media: Media,
  jobs: Jobs,
  shortSidesPx: readonly number[],
  log: Logger,
): JobKind {
  /** Some rungs from one decode. */
  async function make(id: VideoId, input: string, info: MediaInfo, sides: number[], job: Job) {
    const drafts: { name: string; path: string }[] = [];
    try {
      for (const _ of sides) drafts.push(await blobs.stagingPath("mp4"));
      const outputs = sides.map((shortSidePx, at) => ({ shortSidePx, output: drafts[at]!.path }));
      const rungs: Rung[] = await media.ladder(input, outputs, info, { signal: job.signal });
      const made: MadeRung[] = [];
      for (const [at, { name }] of drafts.entries()) {
        const kept = await keepBlob(store, blobs, id, "video", "mp4", await blobs.adopt(name, job.signal));
        made.push({ ...rungs[at]!, ...kept, shortSide: sides[at]! });
      }
      return made;
    } finally {
      // What became a blob is not there any more.
      for (const { name } of drafts) await blobs.discard(name);
    }
  }

  async function run(job: Job): Promise<void> {
    const id = job.key as VideoId;
    const video = await store.startLadder(id);
    if (!video) return;
    await blobs.withFile({ key: video.inputKey }, async (input) => {
      const info = await media.probe(input, { signal: job.signal, person: video.authorId });
      const sides = rungsOf(info, shortSidesPx);
      if ((await blobs.freeBytes()) < ladderBytes(info, sides)) throw refusal("DISK_FULL");
      // At last one by one: a rung that cannot be made leaves the others.
      const together = job.attempt < maxAttempts;
      const made: MadeRung[] = [];
      let failure: unknown;
      for (const some of together && sides.length > 0 ? [sides] : sides.map((side) => [side]))
        try {
          made.push(...(await make(id, input, info, some, job)));
        } catch (error) {
          if (together || error instanceof VideoGone || job.signal.aborted) throw error;
          log.warn({ err: error, videoId: id, rungs: some }, "could not make a rung");
          failure = error;
        }
      if (made.length === 0 && failure) throw failure;
      await store.finishLadder(id, made, sides.length, job, jobs);
    });
  }

  return {
    background: true,
    maxAttempts,
    timeoutMs: 4 * 3_600_000,
    async run(job) {
      try {
        await run(job);
      } catch (error) {
        if (!(error instanceof VideoGone)) throw error;
      }
    },
    // The video stays as it was published.
    onExhausted: (key) => store.failLadder(key as VideoId, jobs),
  };
}
