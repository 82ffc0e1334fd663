import { randomUUID } from "node:crypto";
import { VideoService } from "#contracts/gen/video_pb.ts";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import { type Attempts, usualPauseMs } from "#platform/jobs/job-desk.ts";
import type { startWorkers } from "#platform/jobs/workers.ts";
import type { Media } from "#platform/media/media-tool.ts";
import type { Logger } from "#platform/observe/log.ts";
import { only } from "#platform/rpc/service.ts";
import { mediaKinds } from "./bench.ts";
import { makingKinds } from "./making.ts";
import { remoteBench } from "./remote-bench.ts";
import { remoteDesk, type VideoClient, workerMethods } from "./remote-desk.ts";
import { mediaLeaseMs, stagedLifetimeMs } from "./rules.ts";

const lookEveryMs = 1_000;
const beatMs = mediaLeaseMs / 4;
const sweepEveryMs = 10 * 60_000;
/** Who counts attempts is the service. */
const countedElsewhere: Attempts = { maxAttempts: Number.POSITIVE_INFINITY };

/**
 * Makes the files of videos in a process of its own, which has no database and no blobs: it leases jobs from the video
 * module, and may be killed at any moment.
 */
export const mediaWorker = {
  name: "media",
  /** Of the jobs that it takes. */
  kinds: mediaKinds,
  calls: { video: only(VideoService, ...workerMethods) },
  async start(options: {
    video: VideoClient;
    media: Media;
    scratch: BlobStore;
    workers: number;
    startWork: typeof startWorkers;
    log: Logger;
  }) {
    const { video, media, scratch, workers, startWork, log } = options;
    const id = randomUUID();
    const remote = remoteDesk(video, id, log);
    const acts = new Set<() => Promise<void>>();
    const warn = (message: string) => (error: unknown) => log.warn({ err: error }, message);
    const running = startWork(
      remote.desk,
      {
        kinds: makingKinds(
          async (job) => {
            const order = remote.orderOf(job.id);
            const noteProgress = (done: number) => remote.noteProgress(job.id, done);
            return order && remoteBench(video, { worker: id, order, job, scratch, noteProgress });
          },
          { process: countedElsewhere, ladder: countedElsewhere },
          media,
          log,
        ),
        concurrency: workers + 1,
        heavyAtOnce: workers,
        pauseMs: usualPauseMs,
      },
      {
        onHeartbeat: (act) => {
          acts.add(act);
          return () => acts.delete(act);
        },
        log,
      },
    );
    const sweep = () => scratch.sweepStaged(stagedLifetimeMs).catch(warn("could not sweep old drafts"));
    await sweep();
    const timers = [
      setInterval(() => running.wake(), lookEveryMs),
      setInterval(() => {
        for (const act of acts) act().catch(warn("could not keep the jobs of this worker"));
      }, beatMs),
      setInterval(sweep, sweepEveryMs),
    ];
    return {
      async stop() {
        await running.stop();
        for (const timer of timers) clearInterval(timer);
      },
    };
  },
};
