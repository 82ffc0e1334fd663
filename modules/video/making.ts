import type { Attempts } from "#platform/jobs/job-desk.ts";
import type { Job, JobKind } from "#platform/jobs/workers.ts";
import type { Media } from "#platform/media/media-tool.ts";
import type { Logger } from "#platform/observe/log.ts";
import type { Bench, Made, MakingKind } from "./bench.ts";
import { isRefusalOfFile, VideoGone } from "./keep-blob.ts";
import { makeLadder } from "./ladder.ts";
import { processVideo } from "./pipeline.ts";

/**
 * The jobs in which files of videos are made. Each may die and run again after any step: results are named by content,
 * and only the last step makes them visible, all at once.
 */
export function makingKinds(
  open: (job: Job, kind: MakingKind) => Promise<Bench | undefined>,
  attempts: Record<MakingKind, Attempts>,
  media: Media,
  log: Logger,
): Record<MakingKind, JobKind> {
  const kind = (name: MakingKind, make: (bench: Bench, signal: AbortSignal) => Promise<Made>) => ({
    ...attempts[name],
    async run(job: Job) {
      try {
        const bench = await open(job, name);
        if (bench) await bench.finish(await make(bench, job.signal));
      } catch (error) {
        if (!(error instanceof VideoGone)) throw error;
      }
    },
  });
  return {
    process: {
      ...kind("process", async (bench, signal) => {
        try {
          return await processVideo(bench, media, signal);
        } catch (error) {
          if (!isRefusalOfFile(error)) throw error;
          return { kind: "refused", reason: error.reason, message: error.message };
        }
      }),
      timeoutMs: 2 * 3_600_000,
    },
    ladder: {
      ...kind("ladder", (bench, signal) => makeLadder(bench, media, signal, log)),
      background: true,
      timeoutMs: 4 * 3_600_000,
    },
  };
}
