import type { QueryClient } from "@tanstack/react-query";
import { type Api, againMs, take } from "../api/client.ts";
import { createListeners } from "../api/listeners.ts";
import type { SessionStore } from "../api/session.ts";
import type { Outbox } from "../messages/outbox.ts";
import { applyNews } from "./apply-news.ts";
import { createRealtimeClient } from "./client.ts";
import { createEndpoints } from "./endpoints.ts";
import { shareRealtime } from "./shared.ts";
import type { News, Position, Timeline } from "./timeline.ts";

/** Whether news arrive, for whoever shows it. */
export interface Realtime {
  /** For some time there has been no line to the server. */
  isOffline(): boolean;
  subscribe(listener: () => void): () => void;
}

/** Lines that come back within this time are nobody's concern. */
const OFFLINE_AFTER_MS = 4_000;
/** How long the server waits for news before it answers that there are none. */
const WAIT_SECONDS = 25;

/** Keeps every list fresh with what reaches the viewer, as long as somebody is logged in. */
export function createRealtime(services: {
  api: Api;
  session: SessionStore;
  cache: QueryClient;
  outbox: Outbox;
}): Realtime {
  const { api, session, cache, outbox } = services;
  const changes = createListeners();
  let offline = false;
  let followed: string | undefined;
  let shared: ReturnType<typeof shareRealtime> | undefined;
  let losing: ReturnType<typeof setTimeout> | undefined;

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
  const start = (timeline: Timeline, news: Pick<News, "online">) =>
    createRealtimeClient({
      timeline,
      news,
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
    if (!id) return;
    const { entries, resync } = applyNews(cache, outbox, id);
    shared = shareRealtime({
      name: `douya.realtime ${id}`,
      news: { entries, resync, online },
      start,
      locks: navigator.locks,
      channel: new BroadcastChannel(`douya.realtime ${id}`),
    });
  }
  session.subscribe(follow);
  follow();
  // Without a network the line is dead, and nothing would tell so for a while.
  for (const change of ["online", "offline"]) window.addEventListener(change, () => shared?.wake());
  document.addEventListener("visibilitychange", () => document.hidden || shared?.wake());
  return { isOffline: () => offline, subscribe: changes.add };
}
