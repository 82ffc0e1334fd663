/** For how long something is seen, in real time. */
export interface WatchClock {
  /** Whether it is seen from now on. Told again while it is, so that a device that slept meanwhile adds little. */
  run(running: boolean): void;
  isRunning(): boolean;
  readMs(): number;
}

/** `longestMs`: what is between two signs of life counts as so much at most. */
export function createWatchClock(now: () => number, longestMs: number): WatchClock {
  let sinceMs: number | undefined;
  let totalMs = 0;
  const runningMs = () => (sinceMs === undefined ? 0 : Math.min(Math.max(0, now() - sinceMs), longestMs));
  return {
    run(running) {
      totalMs += runningMs();
      sinceMs = running ? now() : undefined;
    },
    isRunning: () => sinceMs !== undefined,
    readMs: () => totalMs + runningMs(),
  };
}
