import type { Logger } from "#platform/observe/log.ts";
import type { PublicCall } from "../edge/request-call.ts";

/** How often the log says that a part is missing: while a service is away, every page lacks it. */
const sayEveryMs = 10_000;

/**
 * What a page can do without: when it cannot be had, the page is shown all the same and says what it lacks. A caller who
 * has hung up is shown nothing, and others who wait for the same page do not get one that lacks something for that.
 */
export type OptionalPart = <T>(call: PublicCall, what: string, answer: Promise<T>) => Promise<T | undefined>;

export function optionalPart(log: Pick<Logger, "warn">, nowMs = () => performance.now()): OptionalPart {
  /** By part: when that was last said, and of how many pages it has not been said since. */
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
