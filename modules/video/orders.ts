import type { VideoId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import type { Attempts, ClaimedJob } from "#platform/jobs/job-desk.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { Job } from "#platform/jobs/workers.ts";
import { MEDIA_INFO_FORM, type MediaInfo } from "#platform/media/media-tool.ts";
import { ladderBytes, rungsOf } from "#platform/media/plan.ts";
import type { Bench, KeptFile, Made, MadeNamespace, MakingKind, Order } from "./bench.ts";
import { draftsIn, extensionOf } from "./bench.ts";
import { keepBlob, VideoGone } from "./keep-blob.ts";
import type { LadderStore } from "./ladder-store.ts";
import type { PipelineStore, PublishedFile } from "./pipeline-store.ts";
import type { KeepSources } from "./rules.ts";

const maxAttempts: Record<MakingKind, number> = { process: 4, ladder: 3 };

/** What is to be made, and what becomes of what was made: the same for workers here and in other processes. */
export interface Orders {
  attempts: Record<MakingKind, Attempts>;
  /** Begins a try; undefined when there is nothing left to do. Error: DISK_FULL. */
  open(job: Pick<ClaimedJob, "kind" | "key" | "attempts">): Promise<Order | undefined>;
  /** Makes a staged file a blob that the video uses. Error: VideoGone. */
  keep(
    id: VideoId,
    namespace: MadeNamespace,
    staged: { name: string; sha256: string; sizeBytes: number },
  ): Promise<KeptFile>;
  noteProgress(id: VideoId, done: number): Promise<void>;
  finish(job: Pick<Job, "key" | "traceId" | "finish">, made: Made): Promise<void>;
  /** For workers in this process. */
  bench(order: Order, job: Pick<Job, "key" | "traceId" | "finish" | "signal">): Bench;
}

function publishedFile(made: Extract<Made, { kind: "published" }>, keepSources: KeepSources): PublishedFile {
  const { play, cover, thumbHash, coverTimesMs, copied, info, rungs } = made;
  const { durationMs, width, height, notices } = info;
  return {
    ...{ playKey: play.key, coverKey: cover.key, thumbHash, coverTimesMs, sizeBytes: play.sizeBytes },
    ...{ durationMs, width, height, notices, pictures: [], rungs },
    // One that was only copied contains nothing that the rendition lacks; any other one is what rungs are made of.
    keepsSource: keepSources === "on" || (!copied && (keepSources === "auto" || rungs > 0)),
  };
}

export function createOrders(
  pipeline: PipelineStore,
  ladders: LadderStore,
  blobs: BlobStore,
  jobs: Jobs,
  {
    rungShortSidesPx: shortSidesPx,
    loudnessLufs,
    keepSources,
  }: { rungShortSidesPx: readonly number[]; loudnessLufs: number | null; keepSources: KeepSources },
): Orders {
  const current = (info: MediaInfo) => (info.form === MEDIA_INFO_FORM ? info : null);
  const whole = (id: VideoId, { kind, attempts }: Pick<ClaimedJob, "kind" | "attempts">) => ({
    kind: kind as MakingKind,
    id,
    shortSidesPx,
    loudnessLufs,
    isLastTry: attempts >= maxAttempts[kind as MakingKind],
  });

  const orders: Orders = {
    attempts: {
      process: {
        maxAttempts: maxAttempts.process,
        onTryFailed: (key, error, nextTryAt) => pipeline.waitAgain(key as VideoId, error, nextTryAt),
        async onExhausted(key) {
          const message =
            "The server could not process this video. Upload it again later, or tell the operator.";
          await pipeline.fail(key as VideoId, { reason: "PROCESSING_FAILED", message }, jobs);
        },
      },
      // The video stays as it was published.
      ladder: {
        maxAttempts: maxAttempts.ladder,
        onTryFailed: (key, error, nextTryAt) => ladders.waitAgain(key as VideoId, error, nextTryAt),
        onExhausted: (key) => ladders.failLadder(key as VideoId, jobs),
      },
    },

    async open(job) {
      const common = whole(job.key as VideoId, job);
      if (common.kind === "process") {
        const video = await pipeline.startProcessing(common.id);
        return (
          video && {
            ...common,
            authorId: video.author_id,
            inputKey: video.source_key,
            info: current(video.info),
          }
        );
      }
      // Some sound can be converted once more only from the file that was made first.
      const ladder = await ladders.startLadder(common.id, common.isLastTry);
      if (!ladder) return undefined;
      const { info, inputKey, authorId, isSource } = ladder;
      const free = (await blobs.freeBytes()) - (await ladders.promisedBytes());
      if (free < ladderBytes(info, rungsOf(info, shortSidesPx))) throw refusal("DISK_FULL");
      return { ...common, authorId, inputKey, info: isSource ? current(info) : null };
    },

    keep: (id, namespace, staged) =>
      keepBlob(pipeline, blobs, jobs, id, namespace, extensionOf[namespace], staged),

    noteProgress: (id, done) => pipeline.setProgress(id, done),

    async finish(job, made) {
      const id = job.key as VideoId;
      if (made.kind === "refused") {
        await pipeline.fail(id, made, jobs, job.traceId);
      } else if (made.kind === "rungs") await ladders.finishLadder(id, made, job, jobs);
      else if (!(await pipeline.finish(id, publishedFile(made, keepSources), job, jobs)))
        throw new VideoGone();
    },

    bench: (order, job) => ({
      order,
      ...draftsIn(blobs),
      withInput: (use) => blobs.withFile({ key: order.inputKey }, use, job.signal),
      keep: async ({ name }, namespace, signal) =>
        orders.keep(order.id, namespace, await blobs.adopt(name, signal)),
      // A number that is not noted is noted with the next one.
      progress: (done) => void orders.noteProgress(order.id, done).catch(() => {}),
      finish: (made) => orders.finish(job, made),
    }),
  };
  return orders;
}
