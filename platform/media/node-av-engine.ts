import { runChild } from "./child-run.ts";
import type { MediaEngine, Run } from "./media-engine.ts";
import type { MediaLimits } from "./media-limits.ts";
import { outTimeMs } from "./progress.ts";
import type { WorkerJob } from "./worker/worker-job.ts";

/**
 * FFmpeg's libraries from the npm package node-av, in a child process of Node.js.
 * `workerPath` is the bundled worker/media-worker.ts.
 */
export function createNodeAvEngine(workerPath: string, limits: MediaLimits): MediaEngine {
  const work = (job: WorkerJob, run: Run, onLine?: (line: string) => void) => {
    const args = ["--max-old-space-size=128", workerPath, JSON.stringify({ ...job, ...common(run) })];
    return runChild(process.execPath, args, { ...run, maxMemoryBytes: limits.maxMemoryBytes }, onLine);
  };
  const common = (run: Run) => ({ threads: limits.threads, maxPixels: run.maxPixels });

  return {
    name: "node-av",

    async inspect(source, run) {
      return JSON.parse((await work({ kind: "inspect", source }, run)).toString());
    },

    async measure(source, stream, run) {
      let endMs = 0;
      await work({ kind: "measure", source, stream }, run, (line) => {
        endMs = outTimeMs(line) ?? endMs;
      });
      return endMs;
    },

    sample: (job, run) => work({ kind: "sample", ...job }, run),

    async still(job, run) {
      await work({ kind: "still", ...job }, run);
    },

    async convert(job, run, onProgress) {
      let endMs = 0;
      await work({ kind: "convert", ...job }, run, (line) => {
        const ms = outTimeMs(line);
        if (ms === null) return;
        endMs = ms;
        onProgress(ms);
      });
      return endMs;
    },
  };
}
