import { videoDeleted } from "#contracts/events.ts";
import type { StoreFor } from "#platform/db/database.ts";
import type { Consumer } from "#platform/events/consumer/consumer.ts";
import { inTimeSlices } from "#platform/events/consumer/time-slice.ts";
import type { EventOf } from "#platform/events/event-type.ts";
import type { EventConsumers } from "#platform/events/events.ts";
import { bookmarks, reposts } from "./mark-store.ts";
import type { PublishedVideos } from "./published-videos.ts";
import type { RemovalStore } from "./removal-store.ts";
import type { Tables } from "./tables.ts";

/**
 * A removed video takes its reactions and comments with it, and subtracts the likes from its author and from those
 * who gave them.
 */
export function consumeVideoDeletions(
  events: EventConsumers<Tables>,
  storeFor: StoreFor<RemovalStore>,
  published: Pick<PublishedVideos, "forget">,
): Consumer {
  return events.consume({
    group: "interaction.removal",
    types: [videoDeleted],
    prepare: inTimeSlices(async (deleted: EventOf<typeof videoDeleted>[], { checkTimeSlice, signal }) => {
      // One that was never published may have a row too: its author may have closed its comments.
      for (const { message, traceId } of deleted)
        await storeFor({ traceId, signal }).close(message.videoId, message.authorId);
      await Promise.all(deleted.map(({ message }) => published.forget(message.videoId)));
      for (const { message, traceId } of deleted) {
        const { videoId } = message;
        const store = storeFor({ traceId, signal });
        // In separate transactions: millions of rows must not be locked in one. Repeating does no harm.
        for (const remove of [
          store.removeReactions,
          (id: string) => store.removeMarks(id, bookmarks),
          (id: string) => store.removeMarks(id, reposts),
          store.removeShares,
          store.removeComments,
        ]) {
          while (await remove(videoId)) checkTimeSlice();
        }
        await store.forget(videoId);
      }
      return undefined;
    }),
  });
}
