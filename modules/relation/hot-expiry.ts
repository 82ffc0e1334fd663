import type { Logger } from "#platform/observe/log.ts";
import type { HotStore } from "./hot-store.ts";

const everyMs = 60_000;

/** Takes out of the ranking what counts no longer, so that a read never has much to leave out. Gives what ends it. */
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
