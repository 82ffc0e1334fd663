import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { VideoId } from "#contracts/ids.ts";
import { isDiskFull } from "#platform/errors/disk-full.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import type { JobDesk } from "#platform/jobs/job-desk.ts";
import { MEDIA_INFO_FORM, type MediaInfo } from "#platform/media/media-tool.ts";
import type { Logger } from "#platform/observe/log.ts";
import { newTraceId } from "#platform/observe/trace-context.ts";
import type { Call } from "#platform/rpc/call.ts";
import type { Client } from "#platform/rpc/service.ts";
import type { MakingKind, Order } from "./bench.ts";

/** What a worker in a process of its own may call. */
export const workerMethods = [
  ...(["leaseMediaJob", "keepMediaJobs", "readMediaInput", "writeMediaFile"] as const),
  ...(["placeMediaFile", "finishMediaJob", "returnMediaJob"] as const),
] as const;
export type VideoClient = Client<typeof VideoService, (typeof workerMethods)[number]>;

const callMs = 10_000;

export const ownCall = (traceId = newTraceId(), signal?: AbortSignal, lastsMs = callMs): Call => ({
  traceId,
  deadlineMs: Date.now() + lastsMs,
  signal,
});

/** An order, with the size of its input. */
export interface RemoteOrder extends Order {
  inputBytes: number;
}

/** Jobs by RPC, for the worker with this id. */
export function remoteDesk(video: VideoClient, worker: string, log: Logger) {
  let said = "";
  /** Of the jobs that it has. */
  const orders = new Map<string, RemoteOrder>();
  const done = new Map<string, number>();
  const forget = (id: string) => {
    orders.delete(id);
    done.delete(id);
  };

  /** The next job; none while the service cannot be asked, which is said once. */
  async function lease({ kinds, exceptIds, exceptOwners, ...wanted }: Parameters<JobDesk["claim"]>[0]) {
    const lists = { kinds: [...kinds], exceptIds: [...exceptIds], exceptOwners: [...exceptOwners] };
    try {
      const { job } = await video.leaseMediaJob({ worker, ...wanted, ...lists }, ownCall());
      said = "";
      return job;
    } catch (error) {
      if (!(error instanceof DomainError)) throw error;
      if (error.reason !== said) log.warn({ reason: error.reason }, `gets no jobs: ${error.message}`);
      said = error.reason;
      return undefined;
    }
  }

  const desk: JobDesk = {
    async claim(wanted) {
      const job = await lease(wanted);
      if (!job) return undefined;
      const info = job.info ? (JSON.parse(job.info) as MediaInfo) : null;
      orders.set(job.id, {
        kind: job.kind as MakingKind,
        id: job.videoId as VideoId,
        authorId: job.authorId,
        inputKey: job.inputKey,
        inputBytes: job.inputBytes,
        // The service may be of another release.
        info: info?.form === MEDIA_INFO_FORM ? info : null,
        shortSidesPx: job.shortSides,
        isLastTry: job.lastTry,
        loudnessLufs: job.loudnessLufs ?? null,
      });
      return {
        id: job.id,
        kind: job.kind,
        key: job.videoId,
        attempts: job.attempt,
        heavy: job.heavy,
        owner: job.owner || null,
        trace_id: job.traceId || null,
        lease_owner: worker,
      };
    },
    async keep(jobs) {
      const asked = jobs.map(({ id, key }) => ({ id, videoId: key, done: done.get(id) ?? 0 }));
      return new Set((await video.keepMediaJobs({ worker, jobs: asked }, ownCall())).ids);
    },
    async remove({ id }) {
      forget(id);
      await video.returnMediaJob({ worker, jobId: id }, ownCall());
    },
    async giveBack({ id }, { error, interrupted }) {
      forget(id);
      const reason = isDiskFull(error) ? "DISK_FULL" : "";
      const failure = { reason, message: String(error), interrupted };
      return video.returnMediaJob({ worker, jobId: id, failure }, ownCall());
    },
  };
  return {
    desk,
    orderOf: (id: string) => orders.get(id),
    noteProgress: (id: string, part: number) => void done.set(id, part),
  };
}
