export interface WheelState {
  atMs: number;
  lockedUntilMs: number;
  sum: number;
  lastSize: number;
}

export const wheelAtRest: WheelState = { atMs: 0, lockedUntilMs: 0, sum: 0, lastSize: 0 };

const PAUSE_MS = 160;
const LOCK_MS = 420;
const THRESHOLD_PX = 30;

/**
 * One push of a wheel or trackpad is one slide, whatever its strength: a trackpad sends events for another second. A
 * new push needs a pause before it, or a stronger event after the lock.
 */
export function wheelStep(state: WheelState, deltaPx: number, nowMs: number): [WheelState, -1 | 0 | 1] {
  const size = Math.abs(deltaPx);
  const paused = nowMs - state.atMs > PAUSE_MS;
  const stronger = size > state.lastSize * 1.4 + 4;
  const seen = { ...state, atMs: nowMs, lastSize: size };
  if (nowMs < state.lockedUntilMs) return [seen, 0];
  const tail = state.sum === Number.POSITIVE_INFINITY;
  if (tail && !paused && !stronger) return [seen, 0];
  const sum = paused || tail ? deltaPx : state.sum + deltaPx;
  if (Math.abs(sum) < THRESHOLD_PX) return [{ ...seen, sum }, 0];
  return [{ ...seen, sum: Number.POSITIVE_INFINITY, lockedUntilMs: nowMs + LOCK_MS }, sum > 0 ? 1 : -1];
}
