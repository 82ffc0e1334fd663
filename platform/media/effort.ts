import type { MediaInfo } from "./media-tool.ts";
import { refusals } from "./refusals.ts";
import { canCopyVideo } from "./rules.ts";

/** What one core decodes, scales and encodes in a millisecond, with a margin. */
const PIXELS_PER_MS = 120_000;
/** The cores that one conversion uses. */
const MAX_CORES = 2;
const SAMPLED_MS = 60_000;
const USUAL_FPS = 30;

/** The estimated time to prepare a video on a machine with this many cores, in milliseconds. */
export function expectedMs(info: MediaInfo, maxShortSidePx: number, cores: number): number {
  const shownMs = canCopyVideo(info, maxShortSidePx)
    ? Math.min(info.durationMs, SAMPLED_MS)
    : info.durationMs;
  return (shownMs / 1000) * pixelsPerSecond(info) * msPerPixel(cores);
}

/** Error: VIDEO_TOO_HEAVY, if it would take this machine longer than allowed. */
export function refuseTooHeavy(
  info: MediaInfo,
  { maxShortSidePx, cores, maxMs }: { maxShortSidePx: number; cores: number; maxMs: number },
): void {
  const ms = expectedMs(info, maxShortSidePx, cores);
  if (!(ms > maxMs)) return;
  const fittingSeconds = Math.floor((info.durationMs / 1000) * (maxMs / ms));
  throw refusals.videoTooHeavy(info, { minutes: minutes(ms), maxMinutes: minutes(maxMs), fittingSeconds });
}

function pixelsPerSecond({ storedWidth, storedHeight, fps }: MediaInfo): number {
  return storedWidth * storedHeight * (fps > 0 ? fps : USUAL_FPS);
}

function msPerPixel(cores: number): number {
  return 1 / (PIXELS_PER_MS * Math.min(MAX_CORES, cores));
}

function minutes(ms: number): number {
  return Math.ceil(ms / 60_000);
}
