import { existsSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, delimiter, dirname, join } from "node:path";
import { refusal } from "../errors/reasons.ts";
import { ChildFailed, runChild } from "./child-run.ts";
import { type Confinement, findConfinement, findProgram } from "./confinement.ts";
import { createMediaTool } from "./create-media-tool.ts";
import type { Encoder, TriedEncoder } from "./encoders.ts";
import { createFfmpegEngine, type FfmpegPrograms } from "./ffmpeg-engine.ts";
import { createLendingEngine } from "./lending-engine.ts";
import type { MediaEngine, Run } from "./media-engine.ts";
import { DEFAULT_MEDIA_LIMITS, type MediaLimits } from "./media-limits.ts";
import type { MediaTool } from "./media-tool.ts";
import { createNodeAvEngine } from "./node-av-engine.ts";
import { sweepTrialPictures, withTrialPicture } from "./trial-picture.ts";

export interface FindMediaToolOptions {
  /** The bundled worker/media-worker.ts. */
  workerPath: string;
  /** Folders in which to look for ffmpeg, as in PATH. */
  searchPath?: string | undefined;
  /** The ffmpeg to use, with ffprobe in the same folder, instead of those on the PATH. */
  ffmpegPath?: string | undefined;
  /** Where the files are; a confined decoder must be able to reach them. */
  dataDir?: string | undefined;
  limits?: Partial<MediaLimits>;
  /** Use hardware that works; by default no. */
  hardware?: readonly Encoder[];
  log?: { info(fields: object, message: string): void; warn?(fields: object, message: string): void };
}

/** A machine that is busy at the start must not end up with less confinement. */
const ATTEMPT_TIMEOUT_MS = 30_000;
const USUAL_PATH = "/usr/local/bin:/usr/bin:/bin";
/** Some distributions omit what they consider patented. */
const NEEDED_ENCODERS = ["libx264", "aac", "mjpeg"];
const NEEDED_FILTERS = ["zscale", "tonemap", "bwdif", "overlay"];

/**
 * The ffmpeg on this machine if it can do everything needed, else the libraries that come with Douya. Error:
 * CONFIG_INVALID if `ffmpegPath` is given and does not fit.
 */
export async function findMediaTool(options: FindMediaToolOptions): Promise<MediaTool> {
  const limits = { ...DEFAULT_MEDIA_LIMITS, ...options.limits };
  const programs = await programsAt(options.ffmpegPath ?? "ffmpeg", options.searchPath ?? USUAL_PATH);
  const lack = await findLack(programs, limits);
  if (lack === null) {
    options.log?.info({ program: programs.ffmpeg }, "media: using the ffmpeg of this machine");
    return confinedTool((prefix) => createFfmpegEngine(programs, limits, prefix), limits, options);
  }
  if (options.ffmpegPath) {
    const advice = "Set DOUYA_FFMPEG to one that can, or leave it out.";
    throw refusal("CONFIG_INVALID", `${programs.ffmpeg} cannot be used: ${lack}. ${advice}`);
  }
  options.log?.info({ lack }, "media: using the FFmpeg libraries that come with Douya");
  return confinedTool((prefix) => createNodeAvEngine(options.workerPath, limits, prefix), limits, options);
}

/** Finds out how an engine's decoders can be confined here, with a small picture in the folder of the files. */
export async function confinedTool(
  create: (prefix: readonly string[]) => MediaEngine,
  limits: MediaLimits,
  { searchPath = USUAL_PATH, dataDir, hardware = [], log }: Omit<FindMediaToolOptions, "workerPath">,
): Promise<MediaTool> {
  const engineBehind = ({ prefix, account }: Confinement) =>
    account ? createLendingEngine(create(prefix), account) : create(prefix);
  const folder = dataDir && existsSync(dataDir) ? dataDir : tmpdir();
  if (folder === dataDir) await sweepTrialPictures(folder);
  const confinement = await withTrialPicture(folder, (job) =>
    findConfinement({
      searchPath,
      limits,
      attempt: (tried) => engineBehind(tried).still(job, attemptRun()),
    }),
  );
  const engine = engineBehind(confinement);
  const check = () =>
    withTrialPicture(folder, async (job) => {
      await engine.inspect(job.source, attemptRun());
      await engine.still(job, attemptRun());
    });
  const { tried, working } = await tryEncoders(engine, hardware);
  for (const { name, problem } of tried)
    log?.info(
      { encoder: name, problem },
      problem ? "media: an encoder does not work here" : "media: an encoder works",
    );
  return { ...createMediaTool(engine, limits, working, log), confinement, encoders: tried, check };
}

/** Tries each in the confinement in which it would work. */
async function tryEncoders(engine: MediaEngine, hardware: readonly Encoder[]) {
  const tried: TriedEncoder[] = [];
  const working: Encoder[] = [];
  for (const encoder of engine.tryEncoder ? hardware : [])
    try {
      await engine.tryEncoder!(encoder, attemptRun());
      tried.push({ name: encoder.name, problem: null });
      working.push(encoder);
    } catch (error) {
      tried.push({ name: encoder.name, problem: firstWords(error) });
    }
  return { tried, working };
}

/** What the program says first is nearest to the cause. */
function firstWords(error: unknown): string {
  const { message } = error as Error;
  const [, said = message] = message.split(/ ended with \w{1,20}: /);
  const [line = ""] = said.split("\n");
  return line.replace(/^\[[^\]]*\] /, "").slice(0, 200);
}

const attemptRun = (): Run => ({
  signal: new AbortController().signal,
  timeoutMs: ATTEMPT_TIMEOUT_MS,
  maxPixels: 100_000,
});

async function programsAt(ffmpegPath: string, searchPath: string): Promise<FfmpegPrograms> {
  // Children have no PATH of ours. A program that was not found keeps its name and fails when it is started.
  const found = ffmpegPath === basename(ffmpegPath) ? await findProgram(ffmpegPath, searchPath) : ffmpegPath;
  const ffmpeg = found ?? join(searchPath.split(delimiter)[0]!, ffmpegPath);
  return { ffmpeg, ffprobe: join(dirname(ffmpeg), basename(ffmpeg).replace("ffmpeg", "ffprobe")) };
}

/** Why these programs cannot be used, or null. */
export async function findLack(programs: FfmpegPrograms, limits: MediaLimits): Promise<string | null> {
  const ask = async (program: string, question: string) => {
    const signal = new AbortController().signal;
    const bounds = { signal, timeoutMs: ATTEMPT_TIMEOUT_MS, awaited: true, ...limits };
    return (await runChild(program, ["-hide_banner", question], bounds)).toString();
  };
  try {
    const [encoders, filters] = [
      await ask(programs.ffmpeg, "-encoders"),
      await ask(programs.ffmpeg, "-filters"),
    ];
    await ask(programs.ffprobe, "-version");
    const missing = [
      ...NEEDED_ENCODERS.filter((name) => !hasWord(encoders, name)),
      ...NEEDED_FILTERS.filter((name) => !hasWord(filters, name)),
    ];
    return missing.length === 0 ? null : `it lacks ${missing.join(", ")}`;
  } catch (error) {
    if (error instanceof ChildFailed || (error instanceof Error && "code" in error)) return error.message;
    throw error;
  }
}

function hasWord(list: string, name: string): boolean {
  // Each line begins with flags; the name is its second word.
  return list.split("\n").some((line) => line.trim().split(/\s+/)[1] === name);
}
