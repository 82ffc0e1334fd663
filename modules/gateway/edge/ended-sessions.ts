import { accountClosing, profileChanged, sessionsEnded } from "#contracts/events.ts";
import type { EventBroadcast } from "#platform/events/events.ts";
import type { Signals } from "#platform/signals/signals.ts";

/** Hears which sessions have ended, and whose have to be checked again. */
export interface EndedSessions {
  /** Whether everything is known that is older than `feltMs`. The log is followed for a while after this was asked. */
  isCurrent(): boolean;
  /** When nobody asked for long: waits until a look has ended, but not long. One look serves all who wait. */
  catchUp(): Promise<void>;
  /** Tells other gateways at once; the event tells them soon in any case. */
  tell(userId: string): void;
  stop(): void;
}

/** The longest time until every process feels it. */
export const feltMs = 1_000;
/** How often the log is asked while it is followed: more often where so much happens that one look cannot take it in. */
const lookMs = { most: 250, least: 25 };
/** Nobody waits longer for a look: a database may be silent, and the user service be asked meanwhile. */
const patienceMs = 100;
/** After so long without that, less often again. */
const calmMs = 10_000;
/** For how long it is followed after a request, so that the next one waits for no check. */
const followMs = 60_000;
const channel = "sessions ended";
const ending = [sessionsEnded, accountClosing, profileChanged] as const;

/** Whose sessions: these, or any of theirs, when none is named. */
interface Ended {
  userId: string;
  sessionIds: readonly string[];
}

/** `forget` is told who it was, or nothing when nobody knows. */
export function watchEndedSessions(
  events: EventBroadcast,
  signals: Signals,
  forget: (ended?: Ended) => void,
): EndedSessions {
  let cursor = "";
  let lookedAtMs = Number.NEGATIVE_INFINITY;
  let looking: Promise<void> | undefined;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let soon: NodeJS.Timeout | undefined;
  let stopped = false;
  let everyMs = lookMs.most;
  let calmSinceMs = Number.NEGATIVE_INFINITY;

  function adapt(tookIn: boolean, now: number): void {
    if (tookIn && now - calmSinceMs < calmMs) return;
    everyMs = Math.min(lookMs.most, Math.max(lookMs.least, tookIn ? everyMs * 2 : everyMs / 2));
    calmSinceMs = now;
  }

  function look(): Promise<void> {
    looking ??= lookOnce().finally(() => {
      looking = undefined;
      timer = undefined;
      // What is not found yet is looked for, whether somebody asks or not.
      if (cursor === "" || performance.now() - askedAtMs < followMs) follow();
    });
    return looking;
  }

  async function lookOnce(): Promise<void> {
    clearTimeout(timer);
    const startedMs = performance.now();
    try {
      const found = await events.changesSince(ending, cursor);
      // The first look begins to follow the log, and tells nothing of before.
      const ends = cursor === "" ? undefined : found.events;
      if (cursor !== "") adapt(ends !== undefined, startedMs);
      cursor = found.cursor;
      if (!ends) forget();
      else
        for (const { type, message } of ends) {
          const { userId } = message;
          forget({ userId, sessionIds: type === sessionsEnded.name ? message.sessionIds : [] });
        }
      lookedAtMs = startedMs;
    } catch {
      // Until it works again, sessions are checked more often.
    }
  }

  function follow(): void {
    if (!stopped && !looking) timer ??= setTimeout(look, everyMs).unref();
  }

  /** What was told of was committed before, so it is not in a look that is under way. Whoever tells much is not heard more. */
  function lookSoon(): void {
    if (stopped) return;
    soon ??= setTimeout(
      async () => {
        await looking;
        soon = undefined;
        void look();
      },
      Math.max(0, lookedAtMs + lookMs.least - performance.now()),
    ).unref();
  }

  signals.listen(channel, lookSoon);
  void look();
  return {
    isCurrent() {
      askedAtMs = performance.now();
      const ageMs = askedAtMs - lookedAtMs;
      if (ageMs > everyMs && !looking) void look();
      else follow();
      return ageMs <= feltMs;
    },
    catchUp() {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, patienceMs).unref();
      });
      return Promise.race([look(), late]).finally(() => clearTimeout(timer));
    },
    tell: (userId) => void signals.tell(channel, userId),
    stop() {
      stopped = true;
      clearTimeout(timer);
      clearTimeout(soon);
    },
  };
}
