/** How long the recent calls of one method took. */
export interface Latency {
  record(ms: number): void;
  /** 95 % took no longer than this; undefined while too few were measured. */
  p95(): number | undefined;
}

const kept = 256;
const leastMeasured = 64;
/** The figure is worked out again after so many calls. */
const every = 32;

export function createLatency(): Latency {
  const recent = new Float64Array(kept);
  let measured = 0;
  let p95: number | undefined;
  return {
    record(ms) {
      recent[measured % kept] = ms;
      measured++;
      if (measured < leastMeasured || measured % every !== 0) return;
      const sorted = recent.slice(0, Math.min(measured, kept)).sort();
      p95 = sorted[Math.ceil(sorted.length * 0.95) - 1];
    },
    p95: () => p95,
  };
}
