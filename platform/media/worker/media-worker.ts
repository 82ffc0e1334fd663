import { writeSync } from "node:fs";
import { AV_LOG_ERROR } from "node-av/constants";
import { Log } from "node-av/lib";
import { convert } from "./convert.ts";
import { inspect } from "./inspect.ts";
import { hear, light, sequences, survey } from "./look.ts";
import { measureLoudness } from "./loudness.ts";
import { sample, see, still } from "./pictures.ts";
import type { WorkerBounds, WorkerJob } from "./worker-job.ts";

/**
 * Runs one job on one file with FFmpeg's libraries and ends. Results go to standard output, and so does progress, as
 * `out_time_us=` lines; errors go to standard error, with exit code 1. Everything in here is synchronous on purpose:
 * the process has nothing else to do.
 */
function work(job: WorkerJob & WorkerBounds): void {
  switch (job.kind) {
    case "inspect":
      answer(inspect(job.source));
      break;
    case "survey":
      answer(survey(job.source, job.options));
      break;
    case "decodable":
      answer(decodable(job));
      break;
    case "light":
      answer(light(job.source, job.stream, job));
      break;
    case "sequences":
      answer(sequences(job.source, job.stream));
      break;
    case "loudness":
      answer(measureLoudness(job, job));
      break;
    case "sample":
      sample(job, job, writeAll);
      break;
    case "still":
      still(job, job);
      break;
    case "convert":
      convert(job, job, reportTime);
      break;
  }
}

function decodable(job: Extract<WorkerJob, { kind: "decodable" }> & WorkerBounds): number[] {
  const { source } = job;
  const indexes: number[] = [];
  for (const { index, kind } of job.streams)
    try {
      const found = kind === "audio" ? hear(source, index, job) : see(source, index, job);
      if (found) indexes.push(index);
    } catch (error) {
      // There is no decoder for it, or it does not accept these settings.
      complain(error);
    }
  return indexes;
}

function complain(error: unknown): void {
  writeSync(2, `${error instanceof Error ? error.message : error}\n`);
}

function answer(facts: unknown): void {
  writeAll(Buffer.from(JSON.stringify(facts)));
}

function reportTime(ms: number): void {
  writeAll(Buffer.from(`out_time_us=${Math.round(ms * 1000)}\n`));
}

/** Throws, and so ends this process, if nobody reads the output. */
function writeAll(bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(1, bytes, at);
}

Log.setLevel(AV_LOG_ERROR);
try {
  work(JSON.parse(process.argv[2] ?? "") as WorkerJob & WorkerBounds);
  // At once: a natural end would destroy the library's objects in an order that they do not survive.
  process.exit(0);
} catch (error) {
  complain(error);
  process.exit(1);
}
