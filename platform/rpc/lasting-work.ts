import type { ServedCall } from "./call.ts";
import { withinTime } from "./within-time.ts";

/** For a file of any size: a store that does not answer ends it much earlier. */
const longestMs = 30 * 60_000;

/** Until when work may go on whose caller does not wait any longer. */
export type Lasting = Pick<ServedCall, "signal" | "deadlineMs">;

/** Work that goes on when its caller does not wait any longer: who asks again waits for the same. */
export interface LastingWork<T> {
  /** What was started last by this key, if it is under way. */
  find(key: string): Promise<T> | undefined;
  start(key: string, work: (late: Lasting) => Promise<T>): Promise<T>;
  /** Resolves when all of it has ended. */
  settled(): Promise<unknown>;
}

/** `stopping` ends it. */
export function lastingWork<T>(stopping: AbortSignal): LastingWork<T> {
  const latest = new Map<string, Promise<T>>();
  const underWay = new Set<Promise<T>>();
  return {
    find: (key) => latest.get(key),
    start(key, work) {
      const deadlineMs = Date.now() + longestMs;
      const one = withinTime(longestMs, [stopping], (signal) => work({ signal, deadlineMs })).finally(() => {
        underWay.delete(one);
        if (latest.get(key) === one) latest.delete(key);
      });
      // Perhaps nobody waits for it.
      one.catch(() => {});
      underWay.add(one);
      latest.set(key, one);
      return one;
    },
    settled: () => Promise.allSettled(underWay),
  };
}
