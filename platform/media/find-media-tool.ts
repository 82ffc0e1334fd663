import { basename, dirname, join } from "node:path";
import { ChildFailed, runChild } from "./child-run.ts";
import { createMediaTool } from "./create-media-tool.ts";
import { createFfmpegEngine, type FfmpegPrograms } from "./ffmpeg-engine.ts";
import { DEFAULT_MEDIA_LIMITS, type MediaLimits } from "./media-limits.ts";
import type { MediaTool } from "./media-tool.ts";
import { createNodeAvEngine } from "./node-av-engine.ts";

export interface FindMediaToolOptions {
  /** The bundled worker/media-worker.ts. */
  workerPath: string;
  /** A certain ffmpeg, with ffprobe beside it, instead of those on the PATH. */
  ffmpegPath?: string | undefined;
  limits?: Partial<MediaLimits>;
  log?: { info(fields: object, message: string): void };
}

const CHECK_TIMEOUT_MS = 10_000;
/** Some distributions leave out what they hold to be patented. */
const NEEDED_ENCODERS = ["libx264", "aac", "mjpeg"];
const NEEDED_FILTERS = ["zscale", "tonemap", "bwdif", "overlay"];

/**
 * The ffmpeg on this machine when it can do all that is needed, else the libraries that come with Douya.
 * Rejects when `ffmpegPath` is given and does not fit.
 */
export async function findMediaTool(options: FindMediaToolOptions): Promise<MediaTool> {
  const limits = { ...DEFAULT_MEDIA_LIMITS, ...options.limits };
  const programs = programsAt(options.ffmpegPath);
  const lack = await findLack(programs, limits);
  if (lack === null) {
    options.log?.info({ program: programs.ffmpeg }, "media: using the ffmpeg of this machine");
    return createMediaTool(createFfmpegEngine(programs, limits), limits);
  }
  if (options.ffmpegPath) throw new Error(`${programs.ffmpeg} cannot be used: ${lack}`);
  options.log?.info({ lack }, "media: using the FFmpeg libraries that come with Douya");
  return createMediaTool(createNodeAvEngine(options.workerPath, limits), limits);
}

function programsAt(ffmpegPath = "ffmpeg"): FfmpegPrograms {
  const ffprobe = basename(ffmpegPath).replace("ffmpeg", "ffprobe");
  const isBare = ffmpegPath === basename(ffmpegPath);
  return { ffmpeg: ffmpegPath, ffprobe: isBare ? ffprobe : join(dirname(ffmpegPath), ffprobe) };
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
