import type { Logger } from "#platform/observe/log.ts";
import type { PublicCall } from "../edge/request-call.ts";
import type { Part } from "../edge/route-table.ts";

/** How often the log reports a missing part: while a service is down, every page lacks it. */
const logEveryMs = 10_000;

/**
 * A part that a page can do without, as its route declares: if it fails, the page is shown and names the missing part. If the caller has
 * hung up, the error is passed on, so that other requests for the same page do not get an incomplete one. A part that is
 * switched off is not even asked for.
 */
export type OptionalPart = <T>(
  call: PublicCall,
  what: Part,
  answer: () => Promise<T>,
) => Promise<T | undefined>;

export function optionalPart(log: Pick<Logger, "warn">, nowMs = () => performance.now()): OptionalPart {
  /** By part: when it was last logged, and how many pages have lacked it since. */
  const lastLogged = new Map<string, { atMs: number; suppressed: number }>();

  function logThrottled(what: string, err: unknown, traceId: string): void {
    const before = lastLogged.get(what);
    if (before && nowMs() - before.atMs < logEveryMs) {
      before.suppressed++;
      return;
    }
    lastLogged.set(what, { atMs: nowMs(), suppressed: 0 });
    log.warn({ err, traceId, morePages: before?.suppressed }, `shown without ${what}`);
  }

  return async (call, what, answer) => {
    if (call.switchedOff.has(what) && call.without.includes(what)) {
      call.missing.add(what);
      return undefined;
    }
    try {
      return await answer();
    } catch (error) {
      call.signal?.throwIfAborted();
      if (!call.without.includes(what)) throw error;
      logThrottled(what, error, call.traceId);
      call.missing.add(what);
      return undefined;
    }
  };
}
