import { monitorEventLoopDelay, performance } from "node:perf_hooks";

const resolutionMs = 10;
/** A loop that is late but idle in between is held up by other processes. */
const busyShare = 0.9;
/** Several may look, each four times a second: who looks right after another gets the same. */
const sameMs = 200;

/**
 * How late the event loop has run since the last look, on average in milliseconds; 0 when this process itself was not
 * the one that kept it busy.
 */
export function watchLoopDelay(): () => number {
  const delays = monitorEventLoopDelay({ resolution: resolutionMs });
  delays.enable();
  let before = performance.eventLoopUtilization();
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let last = 0;
  return () => {
    if (performance.now() - lookedAtMs < sameMs) return last;
    lookedAtMs = performance.now();
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    const lateMs = delays.mean / 1e6 - resolutionMs;
    delays.reset();
    last = utilization > busyShare && lateMs > 0 ? lateMs : 0;
    return last;
  };
}
