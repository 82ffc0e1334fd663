import { accountClosing, accountRefused, accountRemoved } from "#contracts/events.ts";
import type { UserId } from "#contracts/ids.ts";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import type { StoreFor } from "#platform/db/database.ts";
import type { Consumer } from "#platform/events/consumer/consumer.ts";
import { inTimeSlices } from "#platform/events/consumer/time-slice.ts";
import type { EventConsumers } from "#platform/events/events.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { AccountErasureStore } from "./account-erasure-store.ts";
import type { ResumableStore } from "./resumable-store.ts";
import type { Tables } from "./tables.ts";
import type { VideoStore } from "./video-store.ts";

/**
 * Answers a request to delete an account: refuses it while a video is on hold, else deletes the videos. Each is
 * deleted as by its author, so that other modules delete their share too.
 */
export function consumeDeletionRequests(
  events: EventConsumers<Tables>,
  stores: {
    videos: StoreFor<VideoStore>;
    accounts: StoreFor<AccountErasureStore>;
    resumables: StoreFor<ResumableStore>;
  },
  jobs: Jobs,
  blobs: Pick<BlobStore, "discard">,
): Consumer {
  return events.consume<typeof accountClosing, Set<string>>({
    group: "video.accounts",
    types: [accountClosing],
    prepare: inTimeSlices(async (requests, { checkTimeSlice, signal }) => {
      const refused = new Set<string>();
      for (const { message, traceId } of requests) {
        const { userId, closingId } = message;
        const [videos, accounts] = [stores.videos({ traceId, signal }), stores.accounts({ traceId, signal })];
        if (!(await accounts.markDeleted(userId, closingId))) {
          refused.add(closingId);
          continue;
        }
        // In separate transactions, since there may be many; each is idempotent.
        for (let ids = await accounts.someVideos(userId); ids.length > 0; ) {
          for (const id of ids) {
            await videos.deleteVideo(id, userId as UserId, jobs);
            checkTimeSlice();
          }
          ids = await accounts.someVideos(userId);
        }
        while (await accounts.removeUploads(userId as UserId, jobs)) checkTimeSlice();
        const partial = await stores.resumables({ traceId, signal }).drop({ ownerId: userId as UserId });
        await Promise.all(partial.map((name) => blobs.discard(name)));
      }
      return refused;
    }),
    async handle(_transaction, requests, { emit, prepared: refused }) {
      for (const { message, traceId } of requests) {
        const { userId, closingId } = message;
        if (refused.has(closingId))
          emit(accountRefused, { userId, closingId, reason: "VIDEO_HELD" }, traceId);
        else emit(accountRemoved, { userId, closingId }, traceId);
      }
    },
  });
}
