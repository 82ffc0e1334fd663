import type { TimelineEntry } from "#contracts/gen/message_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { Call } from "#platform/rpc/call.ts";
import { conversationOf } from "../api/message-parts.ts";
import { toTime } from "../api/present.ts";
import type { Identity } from "../edge/auth.ts";
import type { MediaUrls } from "../media/media-urls.ts";
import type { ClientFrame } from "./frames.ts";
import type { Hubs } from "./hubs.ts";
import type { LiveWatcher } from "./live-watcher.ts";
import { maxSubscribed } from "./max-subscribed.ts";
import type { Presence, Watcher } from "./presence-hub.ts";
import type { TypingListener } from "./typing.ts";

type Watched = keyof typeof maxSubscribed;
const kinds = Object.keys(maxSubscribed) as Watched[];
/** Who writes says so more seldom than that. */
const typingMs = 1_000;

type Subscribe = Extract<ClientFrame, { type: "subscribe" | "unsubscribe" }>;

export interface Subscriptions {
  /** Error: SUBSCRIPTIONS_TOO_MANY; then nothing is changed. */
  change(frame: Subscribe): void;
  /** Whether the connection may say again that its person writes. */
  mayWrite(): boolean;
  writes(conversationId: string, call: Call): Promise<void>;
  /** What has reached the person. */
  reached(entries: readonly TimelineEntry[]): void;
  end(): void;
}

/** Of one connection. `hasRoom`: it has read what it was sent; `tell` and `tellText` send it a frame. */
export function createSubscriptions(
  { presence, typing, live }: Hubs,
  { userId, moderator = false }: Identity,
  line: { urls: MediaUrls; hasRoom(): boolean; tell(frame: object): void; tellText(frame: string): void },
): Subscriptions {
  const own: Record<Watched, Set<string>> = {
    people: new Set(),
    videos: new Set(),
    comments: new Set(),
    uploads: new Set(),
  };
  const leave = presence.arrive(userId);
  const watcher: Watcher = {
    userId,
    tell: (people) => line.tell({ type: "presence", people: people.map(toApiPresence) }),
  };
  const viewer: LiveWatcher = {
    ...{ userId, moderator, urls: line.urls },
    hasRoom: line.hasRoom,
    tell: (videos) => line.tellText(`{"type":"live","videos":[${videos.join(",")}]}`),
  };
  const listener: TypingListener = { userId, tell: (who) => line.tell({ type: "typing", ...who }) };
  typing.join(listener);
  let typedMs = Number.NEGATIVE_INFINITY;

  const wanted: Record<Watched, { add(ids: string[]): void; remove(ids: string[]): void }> = {
    people: {
      add: (ids) => presence.watch(watcher, ids),
      remove: (ids) => presence.unwatch(watcher, ids),
    },
    videos: { add: watchVideos, remove: watchVideos },
    comments: { add: watchVideos, remove: watchVideos },
    uploads: {
      add: (ids) => live.watchWork(viewer, ids),
      remove: (ids) => live.unwatchWork(viewer, ids),
    },
  };
  /** Whose comments are watched, the counts are as well. */
  function watchVideos(ids: string[]): void {
    for (const id of ids) {
      if (own.comments.has(id)) live.watch(viewer, [id], true);
      else if (own.videos.has(id)) {
        live.watch(viewer, [id], false);
        live.unwatch(viewer, [id], true);
      } else live.unwatch(viewer, [id], false);
    }
  }

  return {
    change(frame) {
      if (frame.type === "subscribe")
        for (const what of kinds) {
          const all = new Set([...own[what], ...(frame[what] ?? [])]);
          const max = maxSubscribed[what];
          if (all.size > max) throw refusal("SUBSCRIPTIONS_TOO_MANY", { max, what });
        }
      for (const what of kinds) {
        const all = own[what];
        const ids = new Set(frame[what]);
        if (frame.type === "unsubscribe") {
          const left = [...ids].filter((id) => all.delete(id));
          if (left.length > 0) wanted[what].remove(left);
          continue;
        }
        const added = [...ids].filter((id) => !all.has(id));
        for (const id of added) all.add(id);
        // Work that was done may have begun again.
        const news = what === "uploads" ? [...ids] : added;
        if (news.length > 0) wanted[what].add(news);
      }
    },
    mayWrite() {
      const now = performance.now();
      if (now - typedMs < typingMs) return false;
      typedMs = now;
      return true;
    },
    writes: (conversationId, call) => typing.writes(userId, conversationId, call),
    reached(entries) {
      for (const { what } of entries) {
        if (what.case === "settings") presence.settingsChanged(userId);
        // A group opens nothing.
        if (what.case === "message") presence.met(userId, conversationOf(what.value, userId));
      }
    },
    end() {
      leave();
      presence.leave(watcher);
      typing.leave(listener);
      live.leave(viewer);
    },
  };
}

export function toApiPresence({ userId, online, lastSeenMs }: Presence) {
  return { userId, online, lastSeenAt: lastSeenMs === undefined ? null : toTime(lastSeenMs) };
}
