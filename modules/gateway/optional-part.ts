import type { Logger } from "#platform/observe/log.ts";
import type { PublicCall } from "./request-call.ts";

/**
 * What a page can do without: when it cannot be had, the page is shown all the same and says what it lacks. A caller who
 * has hung up is shown nothing, and others who wait for the same page do not get one that lacks something for that.
 */
export type OptionalPart = <T>(call: PublicCall, what: string, answer: Promise<T>) => Promise<T | undefined>;

export function optionalPart(log: Pick<Logger, "warn">): OptionalPart {
  return async (call, what, answer) => {
    try {
      return await answer;
    } catch (error) {
      call.signal?.throwIfAborted();
      log.warn({ err: error, traceId: call.traceId }, `shown without ${what}`);
      call.missing.add(what);
      return undefined;
    }
  };
}
