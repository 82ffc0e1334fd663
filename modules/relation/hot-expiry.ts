import { repeatEvery } from "#platform/module/repeat.ts";
import type { Logger } from "#platform/observe/log.ts";
import type { HotStore } from "./hot-store.ts";

const everyMs = 60_000;

/** Removes expired follows from the ranking, so that a read has few to leave out. Returns a function that ends it. */
export function expireRegularly(store: HotStore, log: Logger): () => Promise<void> {
  return repeatEvery(everyMs, store.expire, (error) =>
    log.warn({ err: error }, "could not expire hot users"),
  );
}
