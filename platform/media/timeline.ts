import type { StreamSpan } from "./packet-survey.ts";

/** When the chosen streams of a source run, by one clock that starts with the first of them. */
export interface Timeline {
  /** What their own clocks show at that moment. */
  baseMs: number;
  durationMs: number;
  videoStartMs: number;
  audioStartMs: number;
  /** Where the output ends, when that is before the end of a stream. */
  endMs: number | null;
  /**
   * What it takes to make one clock of clocks that restart: null when there is nothing to mend, else the longest
   * step forwards that is believed (0: every one).
   */
  mend: { longestStepMs: number } | null;
}

/** Sound that is longer than the picture by less than this ends with it: else each loop would freeze. */
const TRAILING_SOUND_MS = 500;
/** A jump of the whole recording is one that all its streams make. */
const LONGEST_STEP_MS = 10_000;
/** What is shown for a single picture of a stream that does not say how long it lasts. */
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

/** Parts that start again follow the one before them at once. */
function endOf(stream: StreamSpan, jumps: boolean): number {
  let shift = 0;
  let end = stream.parts[0]!.endMs;
  for (const part of stream.parts.slice(1)) {
    if (part.stepMs < 0 || jumps) shift = end - part.startMs;
    end = Math.max(end, part.endMs + shift);
  }
  return end;
}
