import { accountClosing, profileChanged, sessionsEnded } from "#contracts/events.ts";
import type { EventBroadcast } from "#platform/events/events.ts";
import type { Signals } from "#platform/signals/signals.ts";

/** Hears which people's sessions have to be checked again: some have ended, or their role has changed. */
export interface EndedSessions {
  /** Whether everything is known that is older than `feltMs`. Looks again in the background, so that it stays known. */
  isCurrent(): boolean;
  /** Since when every end is heard, sooner or later; Infinity before the log was found. */
  followedSinceMs(): number;
  /** Tells other gateways at once; the event tells them soon in any case. */
  tell(userId: string): void;
}

/** The longest time until every process feels it. */
export const feltMs = 1_000;
/** How often the log is asked while there are requests: more often where so much happens that one look cannot take it in. */
const lookMs = { most: 250, least: 25 };
/** After so long without that, less often again. */
const calmMs = 10_000;
const channel = "sessions ended";
const ending = [sessionsEnded, accountClosing, profileChanged] as const;

/** `forget` is called with a person, or without, when nobody knows who it was. */
export function watchEndedSessions(
  events: EventBroadcast,
  signals: Signals,
  forget: (userId?: string) => void,
): EndedSessions {
  let cursor = "";
  let followedSinceMs = Number.POSITIVE_INFINITY;
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let looking = false;
  let everyMs = lookMs.most;
  let calmSinceMs = Number.NEGATIVE_INFINITY;

  function adapt(tookIn: boolean, now: number): void {
    if (tookIn && now - calmSinceMs < calmMs) return;
    everyMs = Math.min(lookMs.most, Math.max(lookMs.least, tookIn ? everyMs * 2 : everyMs / 2));
    calmSinceMs = now;
  }

  async function look(): Promise<void> {
    looking = true;
    const startedMs = performance.now();
    try {
      const found = await events.changesSince(ending, cursor);
      // The first look begins to follow the log, and tells nothing of before.
      if (cursor !== "") adapt(found.events !== undefined, startedMs);
      else followedSinceMs = Date.now();
      cursor = found.cursor;
      if (!found.events) forget();
      else for (const { message } of found.events) forget(message.userId);
      lookedAtMs = startedMs;
    } catch {
      // Until it works again, sessions are checked more often.
    } finally {
      looking = false;
    }
  }

  signals.listen(channel, forget);
  void look();
  return {
    followedSinceMs: () => followedSinceMs,
    isCurrent() {
      const ageMs = performance.now() - lookedAtMs;
      if (ageMs > everyMs && !looking) void look();
      return ageMs <= feltMs;
    },
    tell: (userId) => void signals.tell(channel, userId),
  };
}
