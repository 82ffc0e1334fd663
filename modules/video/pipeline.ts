import type { VideoId } from "#contracts/ids.ts";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { Job, JobKind } from "#platform/jobs/workers.ts";
import {
  MEDIA_INFO_FORM,
  type Media,
  type MediaInfo,
  type RenditionInfo,
} from "#platform/media/media-tool.ts";
import { rungsOf } from "#platform/media/plan.ts";
import type { Logger } from "#platform/observe/log.ts";
import type { BlobUseStore } from "./blob-use-store.ts";
import { keepBlob, VideoGone } from "./keep-blob.ts";
import type { PipelineStore } from "./pipeline-store.ts";
import { firstRenditionShortSidePx } from "./rules.ts";
import type { VideoRow } from "./video-lists.ts";

const progressEveryMs = 500;

/**
 * uploaded → processing → published, or ready if it is a draft | failed. Each try starts from the beginning, and every step may run twice: its
 * results are named by content, and only the last transaction makes them visible.
 */
export function processVideo(
  store: PipelineStore,
  blobs: BlobStore,
  media: Media,
  jobs: Jobs,
  shortSidesPx: readonly number[],
  log: Logger,
): JobKind {
  /** Lets a tool write a file and makes it a blob that the video uses. */
  async function make(id: VideoId, kind: "video" | "cover", write: (path: string) => Promise<unknown>) {
    const extension = kind === "video" ? "mp4" : "jpg";
    const draft = await blobs.stagingPath(extension);
    try {
      await write(draft.path);
      return await keepBlob(store, blobs, id, kind, extension, await blobs.adopt(draft.name));
    } catch (error) {
      await blobs.discard(draft.name);
      throw error;
    }
  }

  async function rendition(video: VideoRow, source: string, info: MediaInfo, job: Job) {
    const id = video.id as VideoId;
    let lastMs = 0;
    const onProgress = (progress: number) => {
      if (Date.now() - lastMs < progressEveryMs) return;
      lastMs = Date.now();
      store
        .setProgress(id, progress)
        .catch((error) => log.warn({ err: error }, "could not note the progress"));
    };
    let done: { copied: boolean; info: RenditionInfo } | undefined;
    const made = await make(id, "video", async (path) => {
      const options = { maxShortSidePx: firstRenditionShortSidePx, onProgress, signal: job.signal };
      done = await media.rendition(source, path, info, options);
    });
    return { ...made, ...done! };
  }

  async function run(job: Job): Promise<void> {
    const id = job.key as VideoId;
    const video = await store.startProcessing(id);
    if (!video) return;
    await blobs.withFile({ key: video.source_key }, async (source) => {
      // What an earlier release found out may not be enough for this one.
      const info = video.info.form === MEDIA_INFO_FORM ? video.info : await media.probe(source);
      const play = await rendition(video, source, info, job);
      let thumbHash = "";
      // Made from the rendition, so it shows only what is published.
      const cover = await blobs.withFile({ key: play.key }, (rendition) =>
        make(id, "cover", async (path) => {
          await media.cover(rendition, path, play.info, { signal: job.signal });
          thumbHash = await media.placeholder(path, play.info, { signal: job.signal });
        }),
      );
      const keepKeys = [play.key, cover.key];
      // A source that was only copied contains nothing that the rendition lacks.
      if (!play.copied) keepKeys.push(video.source_key);
      const { durationMs, width, height, notices } = play.info;
      const shown = { durationMs, width, height, sizeBytes: play.sizeBytes, notices };
      const result = { playKey: play.key, coverKey: cover.key, thumbHash, ...shown, keepKeys };
      const rungs = rungsOf(play.copied ? play.info : info, shortSidesPx).length;
      if (!(await store.finish(id, { ...result, rungs }, job, jobs))) throw new VideoGone();
    });
  }

  return {
    maxAttempts: 4,
    timeoutMs: 2 * 3_600_000,
    async run(job) {
      try {
        await run(job);
      } catch (error) {
        if (error instanceof VideoGone) return;
        // A refusal is caused by the file and will repeat; any other error may be transient.
        if (!(error instanceof DomainError) || !["invalid", "too-large"].includes(error.kind)) throw error;
        await store.fail(job.key as VideoId, error, jobs);
      }
    },
    async onExhausted(key) {
      const message = "The server could not process this video. Upload it again later, or tell the operator.";
      await store.fail(key as VideoId, { reason: "PROCESSING_FAILED", message }, jobs);
    },
  };
}

export function removeBlob(store: BlobUseStore, blobs: BlobStore): JobKind {
  return {
    maxAttempts: 10,
    timeoutMs: 60_000,
    run: (job) => store.removeUnusedBlob(job, () => blobs.remove(job.key)),
  };
}
