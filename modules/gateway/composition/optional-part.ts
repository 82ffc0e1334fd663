import type { Logger } from "#platform/observe/log.ts";
import type { PublicCall } from "../edge/request-call.ts";

/** How often the log reports a missing part: while a service is down, every page lacks it. */
const sayEveryMs = 10_000;

/**
 * A part that a page can do without: if it fails, the page is shown and names the missing part. If the caller has
 * hung up, the error is passed on, so that other requests for the same page do not get an incomplete one.
 */
export type OptionalPart = <T>(call: PublicCall, what: string, answer: Promise<T>) => Promise<T | undefined>;

export function optionalPart(log: Pick<Logger, "warn">, nowMs = () => performance.now()): OptionalPart {
  /** By part: when it was last reported, and how many pages have lacked it since. */
  const said = new Map<string, { atMs: number; unsaid: number }>();

  function say(what: string, err: unknown, traceId: string): void {
    const before = said.get(what);
    if (before && nowMs() - before.atMs < sayEveryMs) {
      before.unsaid++;
      return;
    }
    said.set(what, { atMs: nowMs(), unsaid: 0 });
    log.warn({ err, traceId, morePages: before?.unsaid }, `shown without ${what}`);
  }

  return async (call, what, answer) => {
    try {
      return await answer;
    } catch (error) {
      call.signal?.throwIfAborted();
      say(what, error, call.traceId);
      call.missing.add(what);
      return undefined;
    }
  };
}
