import type { RelationService } from "#contracts/gen/relation_pb.ts";
import { isTransient } from "#platform/events/transient-error.ts";
import type { JobKind } from "#platform/jobs/workers.ts";
import type { Client } from "#platform/rpc/service.ts";
import { systemCall } from "#platform/rpc/system-call.ts";
import { deliveryPage } from "./rules.ts";
import type { FeedStore } from "./store.ts";

/** Fans a video out to its author's followers, page by page. Continues where it was after an interruption. */
export function deliverVideo(
  store: FeedStore,
  relation: Client<typeof RelationService, "listFollowers">,
): JobKind {
  return {
    maxAttempts: 20,
    // A delivery that gave up would leave the remaining followers without the video.
    snoozeOn: isTransient,
    timeoutMs: 3_600_000,
    async run(job) {
      const delivery = await store.delivery(job.key);
      if (!delivery) return;
      const followers = (before: string) =>
        relation.listFollowers({ userId: delivery.author_id, before, limit: deliveryPage }, systemCall(job));
      let page = followers(delivery.before_follow);
      for (;;) {
        job.signal.throwIfAborted();
        const { userIds, next } = await page;
        // The next page is read while this one is delivered.
        if (next) page = followers(next);
        page.catch(() => {});
        if (!(await store.deliverPage(delivery, userIds, next, job)) || !next) return;
      }
    },
  };
}
