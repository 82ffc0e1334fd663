import { existsSync } from "node:fs";
import { basename, delimiter, dirname, join } from "node:path";
import { ChildFailed, runChild } from "./child-run.ts";
import { type Confinement, findConfinement, findProgram } from "./confinement.ts";
import { createMediaTool } from "./create-media-tool.ts";
import { createFfmpegEngine, type FfmpegPrograms } from "./ffmpeg-engine.ts";
import { DEFAULT_MEDIA_LIMITS, type MediaLimits } from "./media-limits.ts";
import type { MediaTool } from "./media-tool.ts";
import { createNodeAvEngine } from "./node-av-engine.ts";

export interface FindMediaToolOptions {
  /** The bundled worker/media-worker.ts. */
  workerPath: string;
  /** Folders in which to look for ffmpeg, as PATH has them. */
  searchPath?: string | undefined;
  /** A certain ffmpeg, with ffprobe beside it, instead of those on the PATH. */
  ffmpegPath?: string | undefined;
  /** Where the files are: what confines a decoder must not keep it from them. */
  dataDir?: string | undefined;
  limits?: Partial<MediaLimits>;
  log?: { info(fields: object, message: string): void };
}

const CHECK_TIMEOUT_MS = 10_000;
const USUAL_PATH = "/usr/local/bin:/usr/bin:/bin";
/** Some distributions leave out what they hold to be patented. */
const NEEDED_ENCODERS = ["libx264", "aac", "mjpeg"];
const NEEDED_FILTERS = ["zscale", "tonemap", "bwdif", "overlay"];

/**
 * The ffmpeg on this machine when it can do all that is needed, else the libraries that come with Douya.
 * Rejects when `ffmpegPath` is given and does not fit.
 */
export async function findMediaTool(options: FindMediaToolOptions): Promise<MediaTool> {
  const limits = { ...DEFAULT_MEDIA_LIMITS, ...options.limits };
  const programs = await programsAt(options.ffmpegPath ?? "ffmpeg", options.searchPath ?? USUAL_PATH);
  const lack = await findLack(programs, limits);
  if (lack === null) {
    options.log?.info({ program: programs.ffmpeg }, "media: using the ffmpeg of this machine");
    const confinement = await confine(programs.ffmpeg, ["-version"], options, limits);
    const engine = createFfmpegEngine(programs, limits, confinement.prefix);
    return { ...createMediaTool(engine, limits), confinement };
  }
  if (options.ffmpegPath) throw new Error(`${programs.ffmpeg} cannot be used: ${lack}`);
  options.log?.info({ lack }, "media: using the FFmpeg libraries that come with Douya");
  // Told to do nothing, the worker has loaded all it needs.
  const confinement = await confine(process.execPath, [options.workerPath, "{}"], options, limits);
  const engine = createNodeAvEngine(options.workerPath, limits, confinement.prefix);
  return { ...createMediaTool(engine, limits), confinement };
}

/** Finds out, with the decoder itself and the folder of its files, what confines it here. */
async function confine(
  program: string,
  args: string[],
  { searchPath = USUAL_PATH, dataDir }: FindMediaToolOptions,
  limits: MediaLimits,
): Promise<Confinement> {
  return findConfinement({
    searchPath,
    maxOutputBytes: limits.maxOutputBytes,
    async attempt(prefix) {
      const bounds = {
        signal: new AbortController().signal,
        timeoutMs: CHECK_TIMEOUT_MS,
        maxMemoryBytes: limits.maxMemoryBytes,
        prefix,
      };
      await runChild(program, args, bounds);
      if (dataDir !== undefined && existsSync(dataDir))
        await runChild(process.execPath, ["-e", "fs.accessSync(process.argv[1], 7)", dataDir], bounds);
    },
  });
}

async function programsAt(ffmpegPath: string, searchPath: string): Promise<FfmpegPrograms> {
  // Children have no search path of ours. A program that is nowhere keeps a name, and fails by it.
  const found = ffmpegPath === basename(ffmpegPath) ? await findProgram(ffmpegPath, searchPath) : ffmpegPath;
  const ffmpeg = found ?? join(searchPath.split(delimiter)[0]!, ffmpegPath);
  return { ffmpeg, ffprobe: join(dirname(ffmpeg), basename(ffmpeg).replace("ffmpeg", "ffprobe")) };
}

/** What keeps these programs from being used, or null. */
export async function findLack(programs: FfmpegPrograms, limits: MediaLimits): Promise<string | null> {
  const ask = async (program: string, question: string) => {
    const bounds = { signal: new AbortController().signal, timeoutMs: CHECK_TIMEOUT_MS, ...limits };
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
