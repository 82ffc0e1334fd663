import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import type { ServedCall } from "#platform/rpc/call.ts";
import type { HistoryStore } from "./history-store.ts";
import type { PlayTokens } from "./play-tokens.ts";

const guestForm = /^[\w-]{1,64}$/;

/** Who watches, as a session says it. */
export interface Watcher {
  /** Undefined: a guest. */
  userId: string | undefined;
  /** What stands for them on the day of the session. */
  viewer: string;
  /** Whether it goes into their history. */
  kept: boolean;
}

/** Tells who watches what begins at a time: the caller, or this guest. Error: INVALID_ARGUMENT, without either. */
export function watchers(tokens: Pick<PlayTokens, "viewerAt">, history: PerCall<HistoryStore>) {
  return async (startedMs: number, guest: string, call: ServedCall): Promise<Watcher> => {
    const { callerId: userId } = call;
    if (userId === undefined) {
      if (!guestForm.test(guest)) throw refusal("INVALID_ARGUMENT", "guest: say which guest it is.");
      return { userId, viewer: tokens.viewerAt(startedMs, { guest }), kept: false };
    }
    const kept = !(await history.reading(call).isPaused(userId));
    return { userId, viewer: tokens.viewerAt(startedMs, { userId }), kept };
  };
}

export type WatcherOf = ReturnType<typeof watchers>;
