import type { BlobStore } from "#platform/blob/blob-store.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { JobKind } from "#platform/jobs/workers.ts";
import type { Media } from "#platform/media/media-tool.ts";
import { rungsOf } from "#platform/media/plan.ts";
import { type Bench, type Made, withDrafts } from "./bench.ts";
import type { BlobUseStore } from "./blob-use-store.ts";
import type { LadderStore } from "./ladder-store.ts";
import { firstRenditionShortSidePx } from "./rules.ts";

const progressEveryMs = 500;

/** uploaded → processing → published, or ready if it is a draft | failed: what is playable soonest, and a cover. */
export async function processVideo(bench: Bench, media: Media, signal: AbortSignal): Promise<Made> {
  const { order } = bench;
  return withDrafts(bench, ["mp4", "jpg"], async ([video, cover]) => {
    const { play, rungs } = await bench.withInput(async (source) => {
      const info = order.info ?? (await media.probe(source, { signal, person: order.authorId }));
      let lastMs = 0;
      const play = await media.rendition(source, video!.path, info, {
        maxShortSidePx: firstRenditionShortSidePx,
        signal,
        onProgress(done) {
          if (Date.now() - lastMs < progressEveryMs) return;
          lastMs = Date.now();
          bench.progress(done);
        },
      });
      const rungs = rungsOf(play.copied ? play.info : info, order.shortSidesPx).length;
      return { play, rungs };
    });
    // Made from the rendition, so it shows only what is published.
    const coverTimesMs = await media.cover(video!.path, cover!.path, play, { signal });
    const thumbHash = await media.placeholder(cover!.path, play.info, { signal });
    return {
      kind: "published",
      play: await bench.keep(video!, "video", signal),
      cover: await bench.keep(cover!, "cover", signal),
      thumbHash,
      coverTimesMs,
      copied: play.copied,
      info: play.info,
      rungs,
    };
  });
}

export function releaseReplaced(store: LadderStore, jobs: Jobs): JobKind {
  return { maxAttempts: 10, timeoutMs: 60_000, run: (job) => store.releaseReplaced(job, jobs) };
}

export function releaseUnshown(store: BlobUseStore, jobs: Jobs): JobKind {
  return { maxAttempts: 10, timeoutMs: 60_000, run: (job) => store.releaseUnshown(job, jobs) };
}

export function removeBlob(store: BlobUseStore, blobs: BlobStore): JobKind {
  return {
    maxAttempts: 10,
    timeoutMs: 60_000,
    run: (job) => store.removeUnusedBlob(job, () => blobs.remove(job.key)),
  };
}
