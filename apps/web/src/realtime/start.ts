import type { QueryClient } from "@tanstack/react-query";
import { type Api, againMs, take } from "../api/client.ts";
import { createListeners } from "../api/listeners.ts";
import type { SessionStore } from "../api/session.ts";
import type { Outbox } from "../messages/outbox.ts";
import { applyNews } from "./apply-news.ts";
import { createRealtimeClient } from "./client.ts";
import { createEndpoints } from "./endpoints.ts";
import {
  createInterests,
  type LiveFrame,
  type LiveVideo,
  noWants,
  type Presence,
  type Wanted,
  type Wants,
} from "./live.ts";
import { createMoments } from "./moments.ts";
import { shareRealtime } from "./shared.ts";
import type { News, Position, Timeline } from "./timeline.ts";

/** Whether news arrive, for whoever shows it. */
export interface Realtime {
  /** For some time there has been no line to the server. */
  isOffline(): boolean;
  /** Whether there is a connection, over which comes what is wanted. */
  hasLine(): boolean;
  /** Something is shown that wants to be told, until the answer is called. */
  want(kind: Wanted, id: string): () => void;
  presence(userId: string): Presence | undefined;
  /** Who is writing there. */
  writers(conversationId: string): readonly string[];
  /** The viewer is writing there. */
  writes(conversationId: string): void;
  /** The viewer reads the newest messages there, until the answer is called. */
  views(conversationId: string): () => void;
  subscribe(listener: () => void): () => void;
}

/** Lines that come back within this time are nobody's concern. */
const OFFLINE_AFTER_MS = 4_000;
/** How long the server waits for news before it answers that there are none. */
const WAIT_SECONDS = 25;
/** How often to ask how people are where there is no connection, and how soon after it was lost. */
const LOOK_MS = 30_000;
const FIRST_LOOK_MS = 5_000;
/** Who writes says so again; it lasts for twice as long. */
const WRITING_MS = 3_000;

/** Keeps every list fresh with what reaches the viewer, as long as somebody is logged in. */
export function createRealtime(services: {
  api: Api;
  session: SessionStore;
  cache: QueryClient;
  outbox: Outbox;
  /** Something has changed of videos that are watched. */
  onVideos: (videos: readonly LiveVideo[]) => void;
}): Realtime {
  const { api, session, cache, outbox, onVideos } = services;
  const changes = createListeners();
  let offline = false;
  let followed: string | undefined;
  let shared: ReturnType<typeof shareRealtime> | undefined;
  let losing: ReturnType<typeof setTimeout> | undefined;

  let hasLine = false;
  let looking: ReturnType<typeof setTimeout> | undefined;
  const moments = createMoments();
  moments.subscribe(changes.call);
  const interests = createInterests((wants) => shared?.want(wants));
  const wrote = new Map<string, number>();
  /** Conversations in view; one may be there twice for a moment. */
  const inView: string[] = [];

  function live(frame: LiveFrame) {
    if (frame.type === "live") onVideos(frame.videos);
    else moments.hear(frame);
  }
  function line(is: boolean) {
    clearTimeout(looking);
    looking = is || !followed ? undefined : setTimeout(look, FIRST_LOOK_MS);
    if (is === hasLine) return;
    hasLine = is;
    moments.forget();
    changes.call();
  }
  /** Without a connection nobody tells how people are. */
  async function look() {
    looking = setTimeout(look, LOOK_MS);
    const { people } = interests.get();
    if (people.length === 0 || document.hidden) return;
    const userIds = people.slice(0, 100).join(",");
    const found = await take(api.GET("/api/v1/presence", { params: { query: { userIds } } })).catch(
      () => undefined,
    );
    if (found && !hasLine) moments.hear({ type: "presence", people: found.people });
  }

  function setOffline(is: boolean) {
    clearTimeout(losing);
    losing = undefined;
    if (offline === is) return;
    offline = is;
    changes.call();
  }
  function online(is: boolean) {
    if (is) {
      setOffline(false);
      outbox.wake();
    } else losing ??= setTimeout(() => setOffline(true), OFFLINE_AFTER_MS);
  }

  const endpoints = createEndpoints({
    ask: async () => (await take(api.GET("/api/v1/realtime/endpoints"))).endpoints,
    here: `${location.origin.replace(/^http/, "ws")}/api/v1/realtime`,
  });
  const start = (timeline: Timeline, news: Pick<News, "online" | "live" | "line">, wants: () => Wants) =>
    createRealtimeClient({
      timeline,
      news,
      wants,
      open: async () => new WebSocket(await endpoints.next(), "douya.1"),
      poll: (position: Position | undefined, signal) =>
        take(
          api.GET("/api/v1/realtime/entries", {
            params: { query: position ? { epoch: position.epoch, after: position.seq } : {} },
            headers: { prefer: `wait=${WAIT_SECONDS}` },
            signal,
          }),
        ),
      token: (refused) => (refused ? session.renew(refused) : session.accessToken()),
      againMs,
    });

  function follow() {
    const id = session.user()?.id;
    if (id === followed) return;
    followed = id;
    shared?.stop();
    shared = undefined;
    setOffline(false);
    line(false);
    moments.forget();
    if (!id) return;
    const { entries, resync } = applyNews(cache, outbox, id, moments.wrote, (conversation) =>
      inView.includes(conversation),
    );
    shared = shareRealtime({
      name: `douya.realtime ${id}`,
      news: { entries, resync, online, live, line },
      start,
      locks: navigator.locks,
      channel: new BroadcastChannel(`douya.realtime ${id}`),
    });
    shared.want(interests.get());
  }
  session.subscribe(follow);
  follow();
  // Without a network the line is dead, and nothing would tell so for a while.
  for (const change of ["online", "offline"]) window.addEventListener(change, () => shared?.wake());
  document.addEventListener("visibilitychange", () => document.hidden || shared?.wake());
  // A tab that is closed tells the one with the connection nothing more; one that is shown again does.
  window.addEventListener("pagehide", () => shared?.want(noWants));
  window.addEventListener("pageshow", () => shared?.want(interests.get()));
  return {
    isOffline: () => offline,
    hasLine: () => hasLine,
    want: interests.want,
    presence: moments.presence,
    writers: moments.writers,
    views(conversationId) {
      inView.push(conversationId);
      return () => void inView.splice(inView.indexOf(conversationId), 1);
    },
    writes(conversationId) {
      const nowMs = performance.now();
      if (nowMs - (wrote.get(conversationId) ?? Number.NEGATIVE_INFINITY) < WRITING_MS) return;
      wrote.clear();
      wrote.set(conversationId, nowMs);
      shared?.writes(conversationId);
    },
    subscribe: changes.add,
  };
}
