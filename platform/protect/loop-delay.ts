import { monitorEventLoopDelay, performance } from "node:perf_hooks";

const resolutionMs = 10;
/** A loop that is late but idle in between is held up by other processes. */
const busyShare = 0.9;

/**
 * How late the event loop has run since the last look, on average in milliseconds; 0 when this process itself was not
 * the one that kept it busy.
 */
export function watchLoopDelay(): () => number {
  const delays = monitorEventLoopDelay({ resolution: resolutionMs });
  delays.enable();
  let before = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, before);
    before = now;
    const lateMs = delays.mean / 1e6 - resolutionMs;
    delays.reset();
    return utilization > busyShare && lateMs > 0 ? lateMs : 0;
  };
}
