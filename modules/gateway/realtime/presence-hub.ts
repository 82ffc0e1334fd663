import {
  relationBlocked,
  relationFollowed,
  relationUnblocked,
  relationUnfollowed,
} from "#contracts/events.ts";
import type { EventBroadcast } from "#platform/events/events.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Logger } from "#platform/observe/log.ts";
import { newTraceId } from "#platform/observe/trace-context.ts";
import type { PresenceMemory } from "#platform/presence/presence-memory.ts";
import type { Call } from "#platform/rpc/call.ts";
import type { Signals } from "#platform/signals/signals.ts";
import type { GatewayClients } from "../gateway-calls.ts";
import { groupBy, portions } from "./batches.ts";
import { aliveMs, createHere, perQuestion } from "./presence-here.ts";

/** Whether somebody is here, or when they were. */
export interface Presence {
  userId: string;
  online: boolean;
  /** Undefined: they are here, or nothing is known, or they show it to nobody. */
  lastSeenMs: number | undefined;
}

/** A connection that watches people. */
export interface Watcher {
  readonly userId: string;
  /** What has changed since the last time. */
  tell(people: Presence[]): void;
}

export interface PresenceHub {
  /** One more connection of a person; the answer ends it. */
  arrive(userId: string): () => void;
  /** Whether the person hides may be another now. What an entry of theirs says may be old. */
  settingsChanged(userId: string): void;
  /** It is over with this person, whose connections end. */
  hide(userId: string): void;
  /** Tells the watcher how these people are, and whenever it changes. Of whom it may not see, it is told nothing. */
  watch(watcher: Watcher, ids: readonly string[]): void;
  unwatch(watcher: Watcher, ids: readonly string[]): void;
  /** Something has happened between two people, after which one may see the other. */
  met(userId: string, otherId: string): void;
  leave(watcher: Watcher): void;
  /** How those of these people are whom the person may see. */
  see(userId: string, ids: readonly string[], call: Call): Promise<Presence[]>;
  stop(): void;
}

/** Words of other gateways: whose presence may have changed. */
const channel = "presence";
const turnMs = 1_000;
/** Everybody who is watched is looked at within this time, since words of others may be lost. */
const lookMs = 10_000;
/** Differences of clocks and of roundings are no news. */
const sameMs = 2_000;
const callMs = 5_000;
const perSignal = 500;

const relationEvents = [relationFollowed, relationUnfollowed, relationBlocked, relationUnblocked] as const;

interface Watched {
  state: Presence;
  /** When that was known. */
  atMs: number;
  /** They were not here when last looked at; whoever knows better has a turn to say so. */
  mayBeGone: boolean;
  watchers: Set<Watch>;
}

/** What one watcher may see of one person. */
interface Watch {
  watcher: Watcher;
  /** Undefined until it is known, and since something has changed. */
  may: boolean | undefined;
  /** What it was told last. */
  told: Presence | undefined;
}

const unknown = (userId: string): Presence => ({ userId, online: false, lastSeenMs: undefined });
const isSame = (one: Presence, other: Presence) =>
  one.online === other.online &&
  (one.lastSeenMs === undefined) === (other.lastSeenMs === undefined) &&
  Math.abs((one.lastSeenMs ?? 0) - (other.lastSeenMs ?? 0)) < sameMs;

/**
 * Tells the shared memory who is connected here, and connections how the people are whom they watch. Once a second at
 * most, everything in one question for all, so that its cost follows the people who are connected here and not those whom
 * they know.
 */
export function createPresenceHub(
  memory: PresenceMemory,
  message: Pick<GatewayClients["message"], "getWatchable" | "findHidden">,
  signals: Signals,
  events: Pick<EventBroadcast, "changesSince">,
  log: Logger,
  nowMs: () => number = Date.now,
): PresenceHub {
  const watched = new Map<string, Watched>();
  const watchesOf = new Map<Watcher, Map<string, Watch>>();
  const watchersOf = new Map<string, Set<Watcher>>();
  /** Whose state may be another. */
  const dirty = new Set<string>();
  /** Whose right to see is to be asked for. */
  const unsure = new Map<Watch, string>();
  const untold = new Map<Watcher, Set<string>>();
  /** Who is looked at next. */
  let looking = watched.keys();
  let cursor = "";
  /** The log has had too much to tell since it could last be followed. */
  let isBlind = false;
  /** When everybody's rights were last doubted because nobody can tell whose are others. */
  let blindMs = Number.NEGATIVE_INFINITY;
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  const ownCall = (): Call => ({ traceId: newTraceId(), deadlineMs: Date.now() + callMs });

  function tellOthers(ids: readonly string[]): void {
    for (const portion of portions(ids, perSignal)) void signals.tell(channel, portion.join(" "));
  }
  const here = createHere(memory, message, tellOthers, nowMs);
  signals.listen(channel, (text) => {
    for (const id of text.split(" ")) {
      if (watched.has(id)) dirty.add(id);
      here.heard(id);
    }
  });

  /** Follows and blocks change who may see whom, wherever they are made. */
  async function followRelations(now: number): Promise<void> {
    if (watchesOf.size === 0) {
      cursor = "";
      return;
    }
    const found = await events.changesSince(relationEvents, cursor).catch((error) => {
      doubtNowAndThen(now);
      throw error;
    });
    if (!found.events) {
      isBlind = true;
      doubtNowAndThen(now);
    } else {
      // What was made since everybody was last asked for is told by nobody.
      if (isBlind) doubtAll();
      isBlind = false;
      for (const { type, message } of found.events) {
        const [one, other] =
          type === relationFollowed.name || type === relationUnfollowed.name
            ? [message.followerId, message.followeeId]
            : [message.blockerId, message.blockedId];
        doubtPair(one, other);
        doubtPair(other, one);
      }
    }
    cursor = found.cursor;
  }
  /** Whom the log tells of is not known. */
  function doubtNowAndThen(now: number): void {
    if (now - blindMs < lookMs) return;
    blindMs = now;
    doubtAll();
  }
  function doubtAll(): void {
    for (const watcher of watchesOf.keys()) doubt(watcher);
  }
  function doubt(watcher: Watcher): void {
    for (const [id, watch] of watchesOf.get(watcher) ?? []) setUnsure(id, watch);
  }
  function doubtPair(userId: string, otherId: string): void {
    for (const watcher of watchersOf.get(userId) ?? []) {
      const watch = watchesOf.get(watcher)?.get(otherId);
      if (watch) setUnsure(otherId, watch);
    }
  }
  /** Until it is known, nothing more is told. */
  function setUnsure(id: string, watch: Watch): void {
    watch.may = undefined;
    unsure.set(watch, id);
  }

  async function askWhoMaySee(): Promise<void> {
    const asked = [...unsure];
    for (const portion of portions(asked, perQuestion)) {
      const all = [...groupBy(portion, ([{ watcher }]) => watcher).values()];
      for (const [watch] of portion) unsure.delete(watch);
      try {
        const { watchable } = await message.getWatchable(
          {
            people: all.map((own) => ({
              userId: own[0]![0].watcher.userId,
              otherIds: own.map(([, id]) => id),
            })),
          },
          ownCall(),
        );
        all.forEach((own, i) => {
          own.forEach(([watch, id], j) => {
            // Something has changed meanwhile.
            if (unsure.has(watch)) return;
            watch.may = watchable[i]?.[j] === 1;
            note(watch.watcher, id);
          });
        });
      } catch (error) {
        for (const [watch, id] of portion) if (isWatched(watch, id)) unsure.set(watch, id);
        throw error;
      }
    }
  }
  const isWatched = (watch: Watch, id: string) => watchesOf.get(watch.watcher)?.get(id) === watch;

  /** Looks at those of whom something was heard, and at some of all others, so that everybody has been looked at. */
  async function lookAtWatched(now: number): Promise<void> {
    for (let left = Math.ceil((watched.size * turnMs) / lookMs); left > 0; left--) {
      let next = looking.next();
      if (next.done) {
        looking = watched.keys();
        next = looking.next();
      }
      if (next.done) break;
      dirty.add(next.value);
    }
    const ids = [...dirty];
    dirty.clear();
    if (ids.length === 0) return;
    const found = await memory.read(ids);
    for (const id of ids) {
      const one = watched.get(id);
      if (!one || (!found.has(id) && now - one.atMs < aliveMs)) continue;
      one.atMs = now;
      const state = toPresence(id, found.get(id));
      if (isSame(one.state, state)) {
        one.mayBeGone = false;
        continue;
      }
      if (one.state.online && !state.online && !one.mayBeGone) {
        one.mayBeGone = true;
        dirty.add(id);
        continue;
      }
      one.mayBeGone = false;
      one.state = state;
      for (const { watcher } of one.watchers) note(watcher, id);
    }
  }
  function toPresence(userId: string, forMs: number | undefined): Presence {
    if (forMs === undefined) return unknown(userId);
    return { userId, online: forMs > 0, lastSeenMs: forMs > 0 ? undefined : nowMs() + forMs };
  }

  function note(watcher: Watcher, id: string): void {
    const ids = untold.get(watcher);
    if (ids) ids.add(id);
    else untold.set(watcher, new Set([id]));
  }
  function tellAll(): void {
    for (const [watcher, ids] of untold) {
      const news: Presence[] = [];
      for (const id of ids) {
        const watch = watchesOf.get(watcher)?.get(id);
        if (!watch || watch.may === undefined) continue;
        const state = watch.may ? watched.get(id)!.state : unknown(id);
        // Of whom one may not see, nothing is said but the end of what was.
        if (isSame(watch.told ?? unknown(id), state)) continue;
        watch.told = state;
        news.push(state);
      }
      if (news.length > 0) watcher.tell(news);
    }
    untold.clear();
  }

  /** Everything else goes on where one of them fails. */
  async function attempt(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      log.debug({ err: error }, "presence: something could not be asked; it is asked again");
    }
  }
  async function turn(): Promise<void> {
    const now = nowMs();
    await attempt(() => here.ask(ownCall));
    await attempt(() => here.tell(now));
    await attempt(() => followRelations(now));
    await attempt(askWhoMaySee);
    await attempt(() => lookAtWatched(now));
    tellAll();
    timer = undefined;
    if (watchesOf.size > 0 || here.isBusy()) keepTurning();
  }
  function keepTurning(): void {
    if (!stopped) timer ??= setTimeout(() => void turn(), turnMs).unref();
  }

  return {
    arrive(userId) {
      keepTurning();
      return here.arrive(userId);
    },
    settingsChanged(userId) {
      here.doubt(userId);
      for (const watcher of watchersOf.get(userId) ?? []) doubt(watcher);
      keepTurning();
    },
    hide(userId) {
      here.hide(userId);
      keepTurning();
    },
    watch(watcher, ids) {
      let own = watchesOf.get(watcher);
      if (!own) {
        own = new Map();
        watchesOf.set(watcher, own);
        const all = watchersOf.get(watcher.userId) ?? new Set();
        watchersOf.set(watcher.userId, all.add(watcher));
      }
      for (const id of ids) {
        if (own.has(id) || !isId(id) || id === watcher.userId) continue;
        const watch: Watch = { watcher, may: undefined, told: undefined };
        own.set(id, watch);
        unsure.set(watch, id);
        const one = watched.get(id) ?? {
          state: unknown(id),
          atMs: 0,
          mayBeGone: false,
          watchers: new Set<Watch>(),
        };
        one.watchers.add(watch);
        watched.set(id, one);
        dirty.add(id);
      }
      keepTurning();
    },
    unwatch(watcher, ids) {
      const own = watchesOf.get(watcher);
      for (const id of ids) {
        const watch = own?.get(id);
        if (!watch) continue;
        own!.delete(id);
        unsure.delete(watch);
        const one = watched.get(id)!;
        one.watchers.delete(watch);
        if (one.watchers.size > 0) continue;
        watched.delete(id);
        dirty.delete(id);
      }
    },
    met(userId, otherId) {
      for (const watcher of watchersOf.get(userId) ?? []) {
        const watch = watchesOf.get(watcher)?.get(otherId);
        if (watch?.may === false) setUnsure(otherId, watch);
      }
    },
    leave(watcher) {
      const own = watchesOf.get(watcher);
      if (!own) return;
      this.unwatch(watcher, [...own.keys()]);
      watchesOf.delete(watcher);
      untold.delete(watcher);
      const all = watchersOf.get(watcher.userId);
      all?.delete(watcher);
      if (all?.size === 0) watchersOf.delete(watcher.userId);
    },
    async see(userId, ids, call) {
      const otherIds = [...new Set(ids)].filter((id) => isId(id) && id !== userId);
      if (otherIds.length === 0) return [];
      const { watchable } = await message.getWatchable({ people: [{ userId, otherIds }] }, call);
      const seen = otherIds.filter((_, i) => watchable[0]?.[i] === 1);
      const found = await memory.read(seen);
      return seen.map((id) => toPresence(id, found.get(id)));
    },
    stop() {
      stopped = true;
      clearTimeout(timer);
    },
  };
}
