import webPush from "web-push";
import { sessionsEnded } from "#contracts/events.ts";
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
import type { Tables } from "../tables.ts";
import { notifyingEvents, projectNotifications } from "./consumer.ts";
import { notificationHandlers } from "./handlers.ts";
import { notificationStore, tellEveryMs } from "./notification-store.ts";
import { addPushes, type PushConfig, pushHandlers, pushJob, pushKind } from "./push.ts";
import { type PushKeys, pushStore } from "./push-store.ts";

/** For what a process that died has left untold. */
const lookEveryMs = 60_000;
const expireEveryMs = 3_600_000;

/** What concerns each person, as a list: made from events, told to their devices. */
export function startNotifications(context: {
  db: Kysely<Tables>;
  events: EventConsumers<Tables> & EventWriter<Tables>;
  jobs: Jobs;
  seal: KeySeal;
  push: PushConfig;
  clients: {
    user: Client<typeof UserService, "findUsers" | "getUsers">;
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
  let late: NodeJS.Timeout | undefined;
  let telling: Promise<void> | undefined;

  async function tellLate(): Promise<void> {
    for (let more = true; more; ) {
      const told = await store.tellLate();
      reached(told.heads);
      more = told.more;
    }
  }
  function tellSoon(): void {
    late ??= setTimeout(() => {
      late = undefined;
      telling = tellLate().catch(warn);
    }, tellEveryMs + 100);
    late.unref();
  }

  const consumer = events.consume({
    group: "message.notifications",
    types: notifyingEvents,
    ...projectNotifications(clients, async (on, { heads, waits, news }) => {
      await addPushes(on, jobs, news);
      afterCommit(on, () => {
        reached(heads);
        if (waits) tellSoon();
      });
    }),
  });
  const sessions = events.consume({
    group: "message.push",
    types: [sessionsEnded],
    async handle(on, ended) {
      for (const { message } of ended)
        await pushes.lasting.endSessions(on, message.userId, message.sessionIds);
    },
  });
  const stopLooking = repeatEvery(lookEveryMs, tellLate, warn);
  const expire = async (stopping: AbortSignal) => {
    await store.expire(stopping);
    await pushes.lasting.expire();
  };
  const stopExpiry = repeatEvery(expireEveryMs, expire, warn);
  return {
    store: stores,
    handlers: { ...notificationHandlers(stores, reached), ...pushHandlers(pushes, keysOf, push) },
    jobKinds: { [pushKind]: pushJob(db, pushes.lasting, jobs, clients.user, keysOf, push) },
    async stop() {
      await Promise.all([consumer.stop(), sessions.stop()]);
      clearTimeout(late);
      await Promise.all([stopLooking(), stopExpiry(), telling]);
    },
  };
}
