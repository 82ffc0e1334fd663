import { repeatEvery } from "#platform/module/repeat.ts";
import type { Logger } from "#platform/observe/log.ts";
import type { FeedStore } from "./store.ts";

const everyMs = 3_600_000;
/** Readers in one statement: with a thousand entries each, well below the statement timeout. */
const page = 200;

/** Removes the inboxes of readers who have not read for long. Returns a function that ends it. */
export function closeIdleRegularly(store: Pick<FeedStore, "closeIdleInboxes">, log: Logger) {
  const closeAll = async (stopping: AbortSignal) => {
    while (!stopping.aborted && (await store.closeIdleInboxes(page)) === page);
  };
  return repeatEvery(everyMs, closeAll, (error) => log.warn({ err: error }, "could not close idle inboxes"));
}
