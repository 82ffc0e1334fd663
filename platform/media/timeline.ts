import type { StreamSpan } from "./packet-survey.ts";

/** When the chosen streams of a source run, on one clock that starts with the first of them. */
export interface Timeline {
  /** What their own clocks show at that time. */
  baseMs: number;
  durationMs: number;
  videoStartMs: number;
  audioStartMs: number;
  /** Where the output ends, if that is before the end of a stream. */
  endMs: number | null;
  /**
   * How to make one clock of clocks that restart: null if nothing needs repair, else the longest accepted step
   * forward (0: any).
   */
  mend: { longestStepMs: number } | null;
}

/** Sound that is slightly longer than the picture ends with it: else each loop would freeze. */
const TRAILING_SOUND_MS = 500;
/** A jump of the whole recording is one that all its streams make. */
const LONGEST_STEP_MS = 10_000;
/** The duration of a single picture in a stream that does not tell it. */
const SINGLE_PICTURE_MS = 40;

export function timelineOf(video: StreamSpan, audio: StreamSpan | null): Timeline {
  const both = audio && audio.parts.length > 0 ? [video, audio] : [video];
  const jumps = both.every((stream) => stream.parts.some((part) => part.stepMs > 0));
  const restarts = both.some((stream) => stream.parts.some((part) => part.stepMs < 0));
  const starts = both.map((stream) => stream.parts[0]!.startMs);
  const baseMs = Math.min(...starts);
  const [videoEnd, audioEnd = 0] = both.map((stream) => endOf(stream, jumps) - baseMs);
  const videoEndMs = videoEnd! > starts[0]! - baseMs ? videoEnd! : starts[0]! - baseMs + SINGLE_PICTURE_MS;
  const trails = audioEnd > videoEndMs && audioEnd - videoEndMs < TRAILING_SOUND_MS;
  return {
    baseMs,
    durationMs: trails ? videoEndMs : Math.max(videoEndMs, audioEnd),
    videoStartMs: starts[0]! - baseMs,
    audioStartMs: (starts[1] ?? baseMs) - baseMs,
    endMs: trails ? videoEndMs : null,
    mend: jumps || restarts ? { longestStepMs: jumps ? LONGEST_STEP_MS : 0 } : null,
  };
}

/** A restarted part follows the one before it at once. */
function endOf(stream: StreamSpan, jumps: boolean): number {
  let shift = 0;
  let end = stream.parts[0]!.endMs;
  for (const part of stream.parts.slice(1)) {
    if (part.stepMs < 0 || jumps) shift = end - part.startMs;
    end = Math.max(end, part.endMs + shift);
  }
  return end;
}
