import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { VideoId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import { type BlobStore, blobKey, isBlobKey } from "#platform/blob/blob-store.ts";
import { noPlaceReasons } from "#platform/errors/no-place.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { type ClaimedJob, finishJob } from "#platform/jobs/job-desk.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { newTraceId } from "#platform/observe/trace-context.ts";
import { type Lasting, lastingWork } from "#platform/rpc/lasting-work.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { extensionOf, type Made, type MadeNamespace, type MakingKind, mediaKinds } from "../bench.ts";
import type { BlobUseStore } from "../blob-use-store.ts";
import { VideoGone } from "../keep-blob.ts";
import type { Orders } from "../orders.ts";
import { largestPieceBytes, mediaLeaseMs } from "../rules.ts";

type Requests = Handlers<typeof VideoService>;
type Names =
  | `${"lease" | "finish" | "return"}MediaJob`
  | "keepMediaJobs"
  | "readMediaInput"
  | `${"write" | "place"}MediaFile`;
type FinishRequest = Parameters<Requests["finishMediaJob"]>[0];

/** Of jobs in one request. */
const maxJobs = 100;
/** Jobs of which nothing is left to do, before a worker that asks gets none. */
const maxEmpty = 10;
const kinds: readonly string[] = mediaKinds;
const maxFileBytes = 4 * 1024 ** 3;

/** For workers in other processes: they lease jobs, read what these are made of, and deliver what they have made. */
export function mediaJobs({
  orders,
  jobs,
  blobs,
  uses,
  stopping,
}: {
  orders: Orders;
  jobs: Jobs;
  blobs: BlobStore;
  uses: BlobUseStore;
  stopping: AbortSignal;
}): Pick<Requests, Names> {
  function deskOf(worker: string) {
    if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(worker)) throw refusal("MEDIA_JOB_LOST");
    return jobs.deskOf({ id: worker, leaseMs: mediaLeaseMs, kinds: orders.attempts });
  }

  /** Whatever came too late is refused. Error: MEDIA_JOB_LOST. */
  async function leased({ worker, jobId }: { worker: string; jobId: string }): Promise<ClaimedJob> {
    const job = isId(jobId) ? await deskOf(worker).find(jobId) : undefined;
    if (!job || !kinds.includes(job.kind)) throw refusal("MEDIA_JOB_LOST");
    return job;
  }

  /** Files that get their places: a large one takes longer than a worker waits. */
  const placings = lastingWork<string>(stopping);
  async function place(
    job: ClaimedJob,
    { staged, namespace, sha256 }: { staged: string; namespace: string; sha256: string },
    { signal }: Lasting,
  ): Promise<string> {
    if ((await blobs.partialSize(staged)) === 0) {
      // The answer to an earlier request was lost.
      const key = blobKey(namespace, sha256, extensionOf[namespace as MadeNamespace]);
      const placed = isBlobKey(key) && (await uses.isUsedBy(key, job.key)) && (await blobs.size(key));
      if (!placed) throw refusal("UPLOAD_INCOMPLETE");
      return key;
    }
    const file = await blobs.adopt(staged, signal);
    if (file.sha256 !== sha256) {
      await blobs.discard(staged);
      throw refusal("CHECKSUM_MISMATCH");
    }
    try {
      const { key } = await orders.keep(job.key as VideoId, namespace as MadeNamespace, file);
      // What was committed as another's is left.
      await blobs.discard(staged);
      return key;
    } catch (error) {
      if (!(error instanceof VideoGone)) throw error;
      await blobs.discard(staged);
      throw refusal("MEDIA_JOB_LOST");
    }
  }

  return {
    async leaseMediaJob({ worker, kinds: wanted, exceptIds, lightOnly, exceptOwners, dueForMs }) {
      if (exceptIds.length > maxJobs || exceptOwners.length > maxJobs) return {};
      const desk = deskOf(worker);
      const asked = {
        kinds: kinds.filter((kind) => wanted.includes(kind)),
        exceptIds: exceptIds.filter(isId),
        lightOnly,
        exceptOwners,
        dueForMs,
      };
      for (let i = 0; i < maxEmpty && asked.kinds.length > 0; i++) {
        const job = await desk.claim(asked);
        if (!job) break;
        try {
          // Each worker died during this job without noting a failure, and the next one would die too.
          if (job.attempts > orders.attempts[job.kind as MakingKind].maxAttempts)
            throw new Error("no attempt came to an end");
          const order = await orders.open(job);
          const inputBytes = order && (await blobs.size(order.inputKey));
          if (!order) {
            await desk.remove(job);
            continue;
          }
          if (inputBytes === undefined) throw new Error(`the file ${order.inputKey} is missing`);
          return {
            job: {
              id: job.id,
              kind: job.kind,
              videoId: order.id,
              attempt: job.attempts,
              heavy: job.heavy,
              owner: job.owner ?? "",
              traceId: job.trace_id ?? "",
              authorId: order.authorId,
              inputKey: order.inputKey,
              inputBytes,
              info: order.info ? JSON.stringify(order.info) : "",
              shortSides: [...order.shortSidesPx],
              lastTry: order.isLastTry,
              ...(order.loudnessLufs !== null && { loudnessLufs: order.loudnessLufs }),
            },
          };
        } catch (error) {
          await desk.giveBack(job, { error, interrupted: false });
        }
      }
      return {};
    },

    async keepMediaJobs({ worker, jobs: asked }) {
      if (asked.length === 0 || asked.length > maxJobs || !asked.every(({ id }) => isId(id))) return {};
      const rows = asked.map(({ id, videoId }) => ({ id, key: videoId }) as ClaimedJob);
      const kept = await deskOf(worker).keep(rows);
      for (const { id, videoId, done } of asked)
        if (kept.has(id) && isId(videoId) && done > 0 && done <= 1)
          await orders.noteProgress(videoId as VideoId, done);
      return { ids: [...kept] };
    },

    async readMediaInput({ from, key, ...of }) {
      const job = await leased(of);
      const isInput = isBlobKey(key) && (await uses.isUsedBy(key, job.key));
      const size = isInput ? await blobs.size(key) : undefined;
      if (size === undefined) throw refusal("MEDIA_JOB_LOST");
      if (!Number.isSafeInteger(from) || from < 0 || from >= size) return {};
      const end = Math.min(from + largestPieceBytes, size) - 1;
      return { content: await buffer(blobs.read(key, { start: from, end })) };
    },

    async writeMediaFile({ staged, at, sizeBytes, content, ...of }, { signal }) {
      await leased(of);
      const end = at + content.length;
      const fits = Number.isSafeInteger(at) && at >= 0 && end <= sizeBytes && sizeBytes <= maxFileBytes;
      const isNext = at === 0 ? staged === "" : isDelivery(staged);
      if (!fits || !isNext) throw refusal("UPLOAD_INCOMPLETE");
      const name = staged || (await blobs.stagingPath("mp4")).name;
      // A piece that was lost would leave a hole.
      if (staged && (await blobs.partialSize(name)) < at) throw refusal("UPLOAD_INCOMPLETE");
      await blobs.append(name, Readable.from([Buffer.from(content)]), {
        at,
        sizeBytes,
        // One that comes late must not cut off what came after it.
        isWriter: () => !signal?.aborted,
      });
      return { staged: name };
    },

    async placeMediaFile({ staged, namespace, sha256, ...of }) {
      const job = await leased(of);
      if (!Object.hasOwn(extensionOf, namespace)) throw refusal("BLOB_KEY_INVALID");
      if (!isDelivery(staged)) throw refusal("UPLOAD_INCOMPLETE");
      const name = JSON.stringify([job.key, staged, namespace, sha256]);
      const begin = (late: Lasting) => place(job, { staged, namespace, sha256 }, late);
      return { key: await (placings.find(name) ?? placings.start(name, begin)) };
    },

    async finishMediaJob(request) {
      const job = await leased(request);
      const made = madeOf(request);
      if (!made || (made.kind === "rungs") !== (job.kind === "ladder")) throw refusal("MEDIA_JOB_LOST");
      for (const key of keysOf(made))
        if (!(await uses.isUsedBy(key, job.key))) throw refusal("MEDIA_JOB_LOST");
      const end = {
        key: job.key,
        traceId: job.trace_id ?? newTraceId(),
        finish: (transaction: Parameters<typeof finishJob>[0]) => finishJob(transaction, job),
      };
      try {
        await orders.finish(end, made);
        // Nothing of it is left; else it was finished together with what it was for.
        await deskOf(request.worker).remove(job);
        return {};
      } catch (error) {
        throw error instanceof VideoGone ? refusal("MEDIA_JOB_LOST") : error;
      }
    },

    async returnMediaJob({ failure, ...of }) {
      const desk = deskOf(of.worker);
      const job = isId(of.jobId) ? await desk.find(of.jobId) : undefined;
      if (!job || !kinds.includes(job.kind)) return {};
      if (!failure) {
        await desk.remove(job);
        return {};
      }
      const { reason, message, interrupted } = failure;
      const passing = noPlaceReasons.find((one) => one === reason);
      const error = passing ? refusal(passing) : new Error(message.slice(0, 2000));
      return desk.giveBack(job, { error, interrupted });
    },
  };
}

/** Uploads in pieces have other names. */
const isDelivery = (staged: string) => staged.endsWith(".mp4");

function madeOf({ made }: FinishRequest): Made | undefined {
  const { case: kind, value } = made;
  if (kind === "refused")
    return { kind, reason: value.reason.slice(0, 100), message: value.message.slice(0, 1000) };
  if (kind === "published") {
    const {
      playKey,
      sizeBytes,
      coverKey,
      thumbHash,
      copied,
      durationMs,
      width,
      height,
      notices,
      rungs,
      coverTimesMs,
    } = value;
    return {
      kind,
      play: { key: playKey, sizeBytes },
      cover: { key: coverKey, sizeBytes: 0 },
      thumbHash,
      coverTimesMs,
      copied,
      info: { durationMs, width, height, notices: notices as ("VIDEO_CUT_OFF" | "SOUND_LEFT_OUT")[] },
      rungs,
    };
  }
  if (kind !== "rungs") return undefined;
  const rungs = value.rungs.map(({ fragmentBytes, fragmentUs, fps, ...rung }) => ({
    ...withoutType(rung),
    fps: { num: Math.round(fps * 1_000_000), den: 1_000_000 },
    sizeBytes: 0,
    fragments: fragmentBytes.map((bytes, at) => ({ bytes, durationUs: fragmentUs[at] ?? 0 })),
  }));
  const { wanted, loudness = null, storyboard } = value;
  return {
    kind,
    rungs,
    wanted,
    loudness: loudness && { lufs: loudness.lufs, peakDb: loudness.peakDb },
    storyboard: storyboard ? { ...withoutType(storyboard), sizeBytes: 0 } : null,
  };
}

function keysOf(made: Made): string[] {
  if (made.kind === "published") return [made.play.key, made.cover.key];
  if (made.kind !== "rungs") return [];
  return [...made.rungs.map(({ key }) => key), ...(made.storyboard ? [made.storyboard.key] : [])];
}

/** A message as plain data. */
function withoutType<T extends { $typeName: string; $unknown?: unknown }>(
  message: T,
): Omit<T, "$typeName" | "$unknown"> {
  const { $typeName: _, $unknown: __, ...fields } = message;
  return fields;
}
