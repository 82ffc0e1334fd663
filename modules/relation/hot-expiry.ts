import type { Logger } from "#platform/observe/log.ts";
import type { HotStore } from "./hot-store.ts";

const everyMs = 60_000;

/** Removes expired follows from the ranking, so that a read has few to leave out. Returns a function that ends it. */
export function expireRegularly(store: HotStore, log: Logger): () => Promise<void> {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  const expire = () => {
    running ??= store
      .expire(stopping.signal)
      .catch((error) => {
        if (!stopping.signal.aborted) log.warn({ err: error }, "could not expire hot users");
      })
      .finally(() => {
        running = undefined;
      });
  };
  // After a long stop there is most to do.
  expire();
  const timer = setInterval(expire, everyMs);
  return async () => {
    clearInterval(timer);
    stopping.abort();
    await running;
  };
}
