import webPush from "web-push";
import { messageSent, sessionsEnded, timelinesGrown } from "#contracts/events.ts";
import type { RelationService } from "#contracts/gen/relation_pb.ts";
import type { UserService } from "#contracts/gen/user_pb.ts";
import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { TimelineHead } from "#contracts/timelines.ts";
import { type Kysely, perCall } from "#platform/db/database.ts";
import { afterCommit } from "#platform/db/transaction.ts";
import type { EventConsumers, EventWriter } from "#platform/events/events.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { repeatEvery } from "#platform/module/repeat.ts";
import type { Logger } from "#platform/observe/log.ts";
import type { Client } from "#platform/rpc/service.ts";
import type { KeySeal } from "#platform/seal/key-seal.ts";
import { startLateTeller } from "../late-teller.ts";
import type { Tables } from "../tables.ts";
import { notifyingEvents, projectNotifications } from "./consumer.ts";
import { pushesOfMessages, pushesOfNews } from "./due-pushes.ts";
import { notificationHandlers } from "./handlers.ts";
import { applyToLists, notificationStore } from "./notification-store.ts";
import { addPushes, type PushConfig, pushHandlers, pushJob, pushKind } from "./push.ts";
import { type PushKeys, pushStore } from "./push-store.ts";

const expireEveryMs = 3_600_000;

/** What concerns each person, as a list: made from events, told to their devices. */
export function startNotifications(context: {
  db: Kysely<Tables>;
  events: EventConsumers<Tables> & EventWriter<Tables>;
  jobs: Jobs;
  seal: KeySeal;
  push: PushConfig;
  clients: {
    user: Client<typeof UserService, "findUsers" | "getUsers" | "checkSessions">;
    relation: Client<typeof RelationService, "getStandings">;
    video: Client<typeof VideoService, "getVideos">;
  };
  reached: (heads: TimelineHead[]) => void;
  log: Logger;
}) {
  const { db, events, jobs, clients, reached, push, log } = context;
  const stores = perCall(db, (until) => notificationStore(until, events));
  const store = stores.lasting;
  const pushes = perCall(db, (until) => pushStore(until, context.seal));
  let keys: Promise<PushKeys> | undefined;
  /** Asked for once: they stay. */
  const keysOf = () => {
    keys ??= pushes.lasting.keys(webPush.generateVAPIDKeys).catch((error) => {
      keys = undefined;
      throw error;
    });
    return keys;
  };
  const warn = (error: unknown) => log.warn({ err: error }, "could not tell or tidy notifications");
  const late = startLateTeller(store.tellLate, reached, warn);
  const consumer = events.consume({
    group: "message.notifications",
    types: notifyingEvents,
    ...projectNotifications(clients, async (on, changes, emit) => {
      const applied = await applyToLists(on, changes, {
        emit,
        push: async (news) => addPushes(on, jobs, await pushesOfNews(on, news)),
      });
      afterCommit(on, () => {
        reached(applied.heads);
        if (applied.lateAtMs !== undefined) late.tellAt(applied.lateAtMs);
      });
    }),
  });
  const written = events.consume({
    group: "message.pushed",
    types: [messageSent, timelinesGrown],
    // What was written before there was this is no news.
    from: "end",
    async handle(on, happened) {
      const pairs = happened.flatMap((event) => (event.type === messageSent.name ? event.message : []));
      const groupIds = happened.flatMap((event) =>
        event.type === timelinesGrown.name ? event.message.groupId || [] : [],
      );
      await addPushes(on, jobs, await pushesOfMessages(on, { pairs, groupIds: [...new Set(groupIds)] }));
    },
  });
  const sessions = events.consume({
    group: "message.push",
    types: [sessionsEnded],
    async handle(on, ended) {
      for (const { message } of ended)
        await pushes.lasting.endSessions(on, message.userId, message.sessionIds);
    },
  });
  const expire = async (stopping: AbortSignal) => {
    await store.expire(stopping);
    await pushes.lasting.expire();
  };
  const stopExpiry = repeatEvery(expireEveryMs, expire, warn);
  return {
    store: stores,
    handlers: { ...notificationHandlers(stores, reached), ...pushHandlers(pushes, keysOf, push) },
    jobKinds: { [pushKind]: pushJob(db, pushes.lasting, jobs, clients, keysOf, push) },
    async stop() {
      await Promise.all([consumer.stop(), written.stop(), sessions.stop()]);
      await Promise.all([late.stop(), stopExpiry()]);
    },
  };
}
