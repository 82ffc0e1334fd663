import type { Logger } from "#platform/observe/log.ts";
import type { FeedStore } from "./store.ts";

const everyMs = 3_600_000;
/** Readers in one statement: with a thousand entries each, well below the statement timeout. */
const page = 200;

/** Removes the inboxes of readers who have not read for long. Returns a function that ends it. */
export function closeIdleRegularly(store: Pick<FeedStore, "closeIdleInboxes">, log: Logger) {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;
  const closeAll = async () => {
    while (!stopping.signal.aborted && (await store.closeIdleInboxes(page)) === page);
  };
  const close = () => {
    running ??= closeAll()
      .catch((error) => log.warn({ err: error }, "could not close idle inboxes"))
      .finally(() => {
        running = undefined;
      });
  };
  // After a long stop there is most to do.
  close();
  const timer = setInterval(close, everyMs);
  return async (): Promise<void> => {
    clearInterval(timer);
    stopping.abort();
    await running;
  };
}
