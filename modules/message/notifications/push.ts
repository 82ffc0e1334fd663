import { createHash, ECDH } from "node:crypto";
import webPush from "web-push";
import type { MessageService } from "#contracts/gen/message_pb.ts";
import { type RelationService, Relationship } from "#contracts/gen/relation_pb.ts";
import type { UserService } from "#contracts/gen/user_pb.ts";
import type { VideoService } from "#contracts/gen/video_pb.ts";
import { kindName } from "#contracts/notification-kinds.ts";
import { refusal } from "#contracts/reasons.ts";
import type { Kysely, PerCall, Queryable } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import { isTransient } from "#platform/events/transient-error.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { JobKind } from "#platform/jobs/workers.ts";
import { isOutside, NotOutside, postOutside } from "#platform/net/post-outside.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Client, Handlers } from "#platform/rpc/service.ts";
import { systemCall } from "#platform/rpc/system-call.ts";
import { withinTime } from "#platform/rpc/within-time.ts";
import type { Tables } from "../tables.ts";
import { nobodyId } from "./changes.ts";
import type { PushRef } from "./due-pushes.ts";
import {
  longestPauseMs,
  type Pushed,
  type PushedMessages,
  type PushedNotification,
  type PushKeys,
  type PushStore,
} from "./push-store.ts";

export interface PushConfig {
  /** Whom a push service writes to when something is wrong (RFC 8292): mailto: or https:. */
  contact: string;
  /** For tests. */
  allowPrivate: boolean;
}

export const pushKind = "push";

interface PushClients {
  user: Client<typeof UserService, "getUsers" | "checkSessions">;
  relation: Client<typeof RelationService, "getStandings">;
  video: Client<typeof VideoService, "getVideos">;
}

/** How long a push service keeps what a browser that is off has not fetched. */
const keptS = 24 * 3_600;
const sendMs = 5_000;
/** What a service cannot take now it is given again, some times. */
const maxAttempts = 5;
/** What one takes, about. */
const expectedMs = 500;
const maxEndpointLength = 1_024;

/** Adds a job for each browser that is to be told of something, in the transaction in which that is due. */
export async function addPushes(
  on: Queryable<Tables>,
  jobs: Jobs,
  pushes: readonly PushRef[],
): Promise<void> {
  await jobs.addAll(
    on,
    pushKind,
    pushes.map(({ userId, kind, subjectId, endpointHash, runAt }) => ({
      ...{ key: keyOf([userId, endpointHash, String(kind), subjectId], runAt, 1), runAt },
      ...{ owner: userId, expectedMs },
    })),
  );
}

/** What it is about, and its own name within that. */
const keyOf = (about: readonly string[], runAt: Date, attempt: number) =>
  [...about, runAt.getTime(), attempt].join(" ");

/** Tells a browser of a notification as it is by then. */
export function pushJob(
  db: Kysely<Tables>,
  store: PushStore,
  jobs: Jobs,
  { user, relation, video }: PushClients,
  keysOf: () => Promise<PushKeys>,
  { contact, allowPrivate }: PushConfig,
): JobKind {
  return {
    // A stranger's service may take long.
    apart: true,
    maxAttempts: 3,
    snoozeOn: isTransient,
    timeoutMs: 30_000,
    async run(job) {
      const [userId = "", hash = "", kind = "", subjectId = "", , attempt] = job.key.split(" ");
      const pushed = await store.pushed(userId, hash, kind, subjectId);
      if (!pushed) return;
      if (pushed.pausedMs > Date.now()) return again(pushed.pausedMs);
      // Its end was not heard if it ran out, or while the browser was being subscribed.
      const sessions = [{ userId, sessionId: pushed.sessionId }];
      const { aliveSessionIds } = await user.checkSessions({ sessions, unused: true }, systemCall());
      if (aliveSessionIds.length === 0) return store.forget(userId, hash);
      const text = await textOf(pushed, userId, kind, subjectId);
      if (!text) return;
      const topic = createHash("sha256").update(`${kind} ${subjectId}`).digest("base64url").slice(0, 32);
      const request = requestOf(pushed, text, topic, await keysOf());
      const outcome = request ? await send(request, job.signal) : "gone";
      if (outcome === "done") await store.answered(userId, hash);
      else if (outcome === "gone") await store.forget(userId, hash);
      else {
        const pausedMs = await store.failed(userId, hash, outcome.afterMs);
        if (pausedMs !== undefined) await again(pausedMs);
      }

      async function again(atMs: number): Promise<void> {
        if (Number(attempt) >= maxAttempts) return;
        const runAt = new Date(atMs);
        const key = keyOf([userId, hash, kind, subjectId], runAt, Number(attempt) + 1);
        await inTransaction(db, async (transaction) => {
          await job.finish(transaction);
          const fair = { owner: userId, expectedMs };
          await jobs.add(transaction, pushKind, key, { runAt, traceId: job.traceId, ...fair });
        });
      }
    },
  };

  /** Who did what, and where that is seen: no text of anybody's. */
  async function textOf(
    { about, language }: Pushed,
    userId: string,
    kind: string,
    subjectId: string,
  ): Promise<string | undefined> {
    const name = kindName(Number(kind));
    if (!name) return undefined;
    const what =
      "unread" in about ? await ofMessages(about, userId, subjectId) : await ofNotification(about, userId);
    return what && JSON.stringify({ id: `${name}-${subjectId}`, kind: name, language, ...what });
  }

  async function ofMessages({ unread, groupName }: PushedMessages, userId: string, conversationId: string) {
    if (groupName !== null) return { name: groupName, unread, conversationId, inGroup: true };
    const people = [{ userId, otherIds: [conversationId] }];
    const [{ users }, { standings }] = await Promise.all([
      user.getUsers({ ids: [conversationId] }, systemCall()),
      relation.getStandings({ people, oneWay: true }, systemCall()),
    ]);
    const isBlocked = standings[0]![0]! & (Relationship.BLOCKS | Relationship.BLOCKED_BY);
    // One may have blocked the other since.
    if (!users[0] || isBlocked) return undefined;
    return { name: users[0].name, unread, conversationId };
  }

  async function ofNotification({ people, actorId, videoId, commentId }: PushedNotification, userId: string) {
    // What moderators do: it says no more, and is told also of what they have hidden.
    if (actorId === nobodyId) return { name: "", others: 0 };
    const isAboutVideo = videoId !== "0";
    const [{ users }, { videos }] = await Promise.all([
      user.getUsers({ ids: [actorId] }, systemCall()),
      isAboutVideo
        ? video.getVideos({ ids: [videoId] }, { ...systemCall(), callerId: userId })
        : { videos: [] },
    ]);
    // They may not see it any more.
    if (!users[0] || (isAboutVideo && !videos[0])) return undefined;
    return {
      ...{ name: users[0].name, others: people - 1 },
      ...(isAboutVideo ? { videoId } : { actorId }),
      ...((videos[0]?.pictures.length ?? 0) > 0 && { pictures: true }),
      ...(commentId !== "0" && { commentId }),
    };
  }

  /** Undefined: its keys are none. */
  function requestOf(
    { endpoint: { endpoint, ...keys } }: Pushed,
    text: string,
    topic: string,
    own: PushKeys,
  ) {
    try {
      return webPush.generateRequestDetails({ endpoint, keys }, text, {
        TTL: keptS,
        urgency: "normal",
        // A newer one takes the place of one that the browser has not fetched.
        topic,
        vapidDetails: { subject: contact, ...own },
      });
    } catch {
      return undefined;
    }
  }

  async function send(
    { endpoint, headers, body }: webPush.RequestDetails,
    jobSignal: AbortSignal,
  ): Promise<"done" | "gone" | { afterMs: number }> {
    try {
      const { status, retryAfter } = await withinTime(sendMs, [jobSignal], (signal) =>
        postOutside(endpoint, {
          headers: headers as Record<string, string | number>,
          body: body as Buffer,
          signal,
          allowPrivate,
        }),
      );
      if (status < 300) return "done";
      if (status === 429 || status >= 500) return { afterMs: afterMsOf(retryAfter) };
      // 404, 410: it has ended. 401, 403: it is another installation's. Others will not get better by themselves.
      return "gone";
    } catch (error) {
      if (error instanceof NotOutside) return "gone";
      jobSignal.throwIfAborted();
      return { afterMs: 0 };
    }
  }
}

/** Seconds or a date (RFC 9110), within bounds. */
function afterMsOf(retryAfter = ""): number {
  const ms = /^\d{1,9}$/.test(retryAfter) ? Number(retryAfter) * 1_000 : Date.parse(retryAfter) - Date.now();
  return Math.min(Math.max(ms || 0, 0), longestPauseMs);
}

type Service = Handlers<typeof MessageService>;

export function pushHandlers(
  store: PerCall<PushStore>,
  keysOf: () => Promise<PushKeys>,
  { allowPrivate }: PushConfig,
): Pick<Service, "getPushKey" | "putPushSubscription" | "deletePushSubscription"> {
  return {
    getPushKey: async () => ({ publicKey: (await keysOf()).publicKey }),
    async putPushSubscription({ endpoint, p256dh, auth, sessionId, language }, call) {
      const userId = requireCaller(call);
      const isOne = endpoint.length <= maxEndpointLength && isOutside(endpoint, allowPrivate);
      if (!isOne || !areKeys(p256dh, auth) || !isId(sessionId)) throw refusal("PUSH_SUBSCRIPTION_INVALID");
      await store(call).put(userId, sessionId, language === "zh" ? "zh" : "en", { endpoint, p256dh, auth });
      return {};
    },
    async deletePushSubscription({ endpoint }, call) {
      await store(call).remove(requireCaller(call), endpoint);
      return {};
    },
  };
}

/** A point of P-256, and 16 bytes that nobody guesses (RFC 8291). */
function areKeys(p256dh: string, auth: string): boolean {
  if (!/^[\w-]{87}=?$/.test(p256dh) || !/^[\w-]{22}(==)?$/.test(auth)) return false;
  try {
    ECDH.convertKey(p256dh, "prime256v1", "base64url", undefined, "uncompressed");
    return true;
  } catch {
    return false;
  }
}
