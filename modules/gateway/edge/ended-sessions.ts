import { accountClosing, profileChanged, sessionsEnded } from "#contracts/events.ts";
import type { EventBroadcast } from "#platform/events/events.ts";
import type { Signals } from "#platform/signals/signals.ts";

/** Hears which people's sessions have to be checked again: some have ended, or their role has changed. */
export interface EndedSessions {
  /** Whether everything is known that is older than `feltMs`. The log is followed for a while after this was asked. */
  isCurrent(): boolean;
  /** Tells other gateways at once; the event tells them soon in any case. */
  tell(userId: string): void;
  stop(): void;
}

/** The longest time until every process feels it. */
export const feltMs = 1_000;
/** How often the log is asked while it is followed: more often where so much happens that one look cannot take it in. */
const lookMs = { most: 250, least: 25 };
/** After so long without that, less often again. */
const calmMs = 10_000;
/** For how long it is followed after a request, so that the next one waits for no check. */
const followMs = 60_000;
const channel = "sessions ended";
const ending = [sessionsEnded, accountClosing, profileChanged] as const;

/** `forget` is called with a person, or without, when nobody knows who it was. */
export function watchEndedSessions(
  events: EventBroadcast,
  signals: Signals,
  forget: (userId?: string) => void,
): EndedSessions {
  let cursor = "";
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let looking = false;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;
  let everyMs = lookMs.most;
  let calmSinceMs = Number.NEGATIVE_INFINITY;

  function adapt(tookIn: boolean, now: number): void {
    if (tookIn && now - calmSinceMs < calmMs) return;
    everyMs = Math.min(lookMs.most, Math.max(lookMs.least, tookIn ? everyMs * 2 : everyMs / 2));
    calmSinceMs = now;
  }

  async function look(): Promise<void> {
    looking = true;
    clearTimeout(timer);
    const startedMs = performance.now();
    try {
      const found = await events.changesSince(ending, cursor);
      // The first look begins to follow the log, and tells nothing of before.
      const ends = cursor === "" ? undefined : found.events;
      if (cursor !== "") adapt(ends !== undefined, startedMs);
      cursor = found.cursor;
      if (!ends) forget();
      else for (const { message } of ends) forget(message.userId);
      lookedAtMs = startedMs;
    } catch {
      // Until it works again, sessions are checked more often.
    } finally {
      looking = false;
      timer = undefined;
      // What is not found yet is looked for, whether somebody asks or not.
      if (cursor === "" || startedMs - askedAtMs < followMs) follow();
    }
  }

  function follow(): void {
    if (!stopped && !looking) timer ??= setTimeout(look, everyMs).unref();
  }

  signals.listen(channel, forget);
  void look();
  return {
    isCurrent() {
      askedAtMs = performance.now();
      const ageMs = askedAtMs - lookedAtMs;
      if (ageMs > everyMs && !looking) void look();
      else follow();
      return ageMs <= feltMs;
    },
    tell: (userId) => void signals.tell(channel, userId),
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
