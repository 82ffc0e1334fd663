import type { VideoId } from "#contracts/ids.ts";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { Job, JobKind } from "#platform/jobs/workers.ts";
import type { Media } from "#platform/media/media-tool.ts";
import { isRefusalOfFile, keepBlob, VideoGone } from "./keep-blob.ts";
import { boxes, faceOf } from "./picture-sizes.ts";
import type { PipelineStore } from "./pipeline-store.ts";
import type { StoredPicture } from "./tables.ts";

/**
 * uploaded → processing → published | failed, as processVideo does it: each try starts from the beginning, results are
 * named by content, and only the last transaction makes them visible. The sources, with all they tell of their
 * makers, are removed.
 */
export function processPictures(store: PipelineStore, blobs: BlobStore, media: Media, jobs: Jobs): JobKind {
  async function make(id: VideoId, picture: StoredPicture, { signal }: Job) {
    const { key: sourceKey, info } = picture.source!;
    const drafts: { name: string; path: string }[] = [];
    try {
      for (const _ of boxes) drafts.push(await blobs.stagingPath("jpg"));
      const outputs = boxes.map((box, at) => ({ ...box, output: drafts[at]!.path }));
      const draw = (path: string) => media.pictureSizes(path, outputs, info, { signal });
      const made = await blobs.withFile({ key: sourceKey }, draw, signal);
      const [smallest] = made.slice(-1);
      const thumbHash = await media.placeholder(drafts.at(-1)!.path, smallest!, { signal });
      const sizes: (StoredPicture["sizes"][number] & { sizeBytes: number })[] = [];
      for (const [at, { name }] of drafts.entries()) {
        const { width, height } = made[at]!;
        // A small picture has the same size in several boxes.
        if (sizes.at(-1)?.width === width && sizes.at(-1)?.height === height) continue;
        const kept = await keepBlob(store, blobs, jobs, id, "post", "jpg", await blobs.adopt(name, signal));
        sizes.push({ ...kept, width, height });
      }
      const { alt, width, height, bytes } = picture;
      const sizeBytes = sizes.reduce((sum, size) => sum + size.sizeBytes, 0);
      return {
        picture: {
          ...{ alt, width, height, thumbHash },
          sizes: sizes.map(({ key, width, height }) => ({ key, width, height })).reverse(),
          // Not of one that was sent to a process of an earlier release.
          ...(bytes && { bytes: { ...bytes, shown: sizeBytes } }),
        },
        sizeBytes,
      };
    } finally {
      // What became a blob is not there any more.
      for (const { name } of drafts) await blobs.discard(name);
    }
  }

  async function run(job: Job): Promise<void> {
    const id = job.key as VideoId;
    const post = await store.startProcessing(id);
    if (!post) return;
    const pictures: StoredPicture[] = [];
    let sizeBytes = 0;
    for (const picture of post.pictures) {
      const made = await make(id, picture, job);
      pictures.push(made.picture);
      sizeBytes += made.sizeBytes;
      await store.setProgress(id, pictures.length / post.pictures.length);
    }
    const result = {
      ...{ pictures, sizeBytes, playKey: "", coverTimesMs: [], durationMs: 0, notices: [], rungs: 0 },
      ...faceOf(pictures[0]!),
      keepsSource: false,
    };
    if (!(await store.finish(id, result, job, jobs))) throw new VideoGone();
  }

  return {
    maxAttempts: 4,
    timeoutMs: 30 * 60_000,
    onTryFailed: (key, error, nextTryAt) => store.waitAgain(key as VideoId, error, nextTryAt),
    async run(job) {
      try {
        await run(job);
      } catch (error) {
        if (error instanceof VideoGone) return;
        if (!isRefusalOfFile(error)) throw error;
        await store.fail(job.key as VideoId, error, jobs, job.traceId);
      }
    },
    async onExhausted(key) {
      const message =
        "The server could not process these pictures. Upload them again later, or tell the operator.";
      await store.fail(key as VideoId, { reason: "PROCESSING_FAILED", message }, jobs);
    },
  };
}
