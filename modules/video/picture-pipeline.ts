import type { VideoId } from "#contracts/ids.ts";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { Job, JobKind } from "#platform/jobs/workers.ts";
import type { Media } from "#platform/media/media-tool.ts";
import { isRefusalOfFile, keepBlob, VideoGone } from "./keep-blob.ts";
import type { PipelineStore } from "./pipeline-store.ts";
import type { StoredPicture } from "./tables.ts";

/** Boxes of the sizes, the largest first: for a desk, for a phone, for a grid. */
const boxes = [
  { maxWidthPx: 2160, maxHeightPx: 3840 },
  { maxWidthPx: 1080, maxHeightPx: 1920 },
  { maxWidthPx: 480, maxHeightPx: 854 },
] as const;
/** The one that stands for the post. */
const coverWidthPx = boxes[1].maxWidthPx;

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
      const { alt, width, height } = picture;
      const sizeBytes = sizes.reduce((sum, size) => sum + size.sizeBytes, 0);
      const shown = sizes.map(({ key, width, height }) => ({ key, width, height })).reverse();
      return { picture: { alt, width, height, thumbHash, sizes: shown }, sizeBytes };
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
    const [first] = pictures;
    const cover = first!.sizes.find(
      ({ width, height }) => width >= coverWidthPx || height >= boxes[1].maxHeightPx,
    );
    const result = {
      ...{ pictures, sizeBytes, playKey: "", coverTimesMs: [], durationMs: 0, notices: [], rungs: 0 },
      coverKey: (cover ?? first!.sizes.at(-1)!).key,
      ...{ thumbHash: first!.thumbHash, width: first!.width, height: first!.height },
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
        await store.fail(job.key as VideoId, error, jobs);
      }
    },
    async onExhausted(key) {
      const message =
        "The server could not process these pictures. Upload them again later, or tell the operator.";
      await store.fail(key as VideoId, { reason: "PROCESSING_FAILED", message }, jobs);
    },
  };
}
