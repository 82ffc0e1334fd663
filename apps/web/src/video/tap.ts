/** Two taps this close in time and place are a double tap. */
const PAUSE_MS = 300;
const REACH_PX = 60;

export interface Tap {
  atMs: number;
  x: number;
  y: number;
  /** The number of consecutive taps. */
  count: number;
}

export function nextTap(last: Tap | null, atMs: number, x: number, y: number): Tap {
  const follows =
    last !== null && atMs - last.atMs < PAUSE_MS && Math.hypot(x - last.x, y - last.y) < REACH_PX;
  return { atMs, x, y, count: follows ? last.count + 1 : 1 };
}
