import { runChild } from "./child-run.ts";
import type { MediaEngine, Run } from "./media-engine.ts";
import type { MediaLimits } from "./media-limits.ts";
import { outTimeMs } from "./progress.ts";
import type { WorkerJob } from "./worker/worker-job.ts";

/**
 * FFmpeg's libraries from the npm package node-av, in a child process of Node.js.
 * `workerPath` is the bundled worker/media-worker.ts.
 */
export function createNodeAvEngine(
  workerPath: string,
  limits: MediaLimits,
  prefix: readonly string[] = [],
): MediaEngine {
  const work = (job: WorkerJob, run: Run, onLine?: (line: string) => void, threads = limits.threads) => {
    const common = { threads, maxPixels: run.maxPixels };
    const args = ["--max-old-space-size=128", workerPath, JSON.stringify({ ...job, ...common })];
    const bounds = { ...run, maxMemoryBytes: limits.maxMemoryBytes, prefix };
    return runChild(process.execPath, args, bounds, onLine);
  };
  const answer = async <T>(job: WorkerJob, run: Run): Promise<T> =>
    JSON.parse((await work(job, run)).toString()) as T;

  return {
    name: "node-av",

    inspect: (source, run) => answer({ kind: "inspect", source }, run),
    survey: (source, options, run) => answer({ kind: "survey", source, options }, run),
    async decodable(source, streams, run) {
      const wanted = streams.map(({ index, kind }) => ({ index, kind }));
      const found = await answer<number[]>({ kind: "decodable", source, streams: wanted }, run);
      return streams.filter(({ index }) => found.includes(index));
    },
    light: (source, stream, run) => answer({ kind: "light", source, stream }, run),

    async sequences(source, stream, run) {
      const found = await answer<string[]>({ kind: "sequences", source, stream }, run);
      return found.map((unit) => Buffer.from(unit, "base64"));
    },

    loudness: (job, run) => answer({ kind: "loudness", ...job }, run),

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

    // One decode for each rung: its worker writes one file.
    async ladder({ video, rungs, encoder: _, ...common }, run) {
      for (const { output, filter, ...rung } of rungs) {
        const encode = { ...video.encode, ...rung, filter: `${video.encode.filter},${filter}` };
        const whole = { ...common, output, fragmented: true, video: { stream: video.stream, encode } };
        await work({ kind: "convert", ...whole }, run, undefined, 1);
      }
    },
  };
}
