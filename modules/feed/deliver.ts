import { randomBytes } from "node:crypto";
import type { RelationService } from "#contracts/gen/relation_pb.ts";
import type { JobKind } from "#platform/jobs/job-queue.ts";
import type { Call } from "#platform/rpc/call.ts";
import type { Client } from "#platform/rpc/service.ts";
import { deliveryPage } from "./rules.ts";
import type { FeedStore } from "./store.ts";

const pageMs = 20_000;

/** A call on nobody's behalf, for work that no request waits for. */
export function systemCall(traceId = randomBytes(16).toString("hex")): Call {
  return { traceId, deadlineMs: Date.now() + pageMs };
}

/** Fans a video out to its author's followers, page by page; goes on where it was after an interruption. */
export function deliverVideo(store: FeedStore, relation: Client<typeof RelationService>): JobKind {
  return {
    maxAttempts: 20,
    timeoutMs: 3_600_000,
    async run(job) {
      for (;;) {
        job.signal.throwIfAborted();
        const delivery = await store.delivery(job.key);
        if (!delivery) return;
        const { author_id: userId, before_follow } = delivery;
        const page = { userId, before: before_follow, limit: deliveryPage };
        const { userIds, next } = await relation.listFollowers(page, systemCall());
        await store.deliverPage(delivery, userIds, next, job);
        if (!next) return;
      }
    },
  };
}
