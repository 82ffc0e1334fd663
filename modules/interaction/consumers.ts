import { videoDeleted } from "#contracts/events.ts";
import type { Kysely, StoreFor } from "#platform/db/database.ts";
import type { Consumer } from "#platform/events/consumer.ts";
import type { EventOf } from "#platform/events/event-type.ts";
import type { Events } from "#platform/events/events.ts";
import { inTimeSlices } from "#platform/events/time-slice.ts";
import type { RemovalStore } from "./removal-store.ts";
import type { Tables } from "./tables.ts";

/** With a video go its reactions and comments, and the likes of its author and of those who gave them. */
export function consumeVideoDeletions(
  events: Events,
  db: Kysely<Tables>,
  storeFor: StoreFor<RemovalStore>,
): Consumer {
  return events.consume({
    group: "interaction.removal",
    db,
    types: [videoDeleted],
    prepare: inTimeSlices(async (deleted: EventOf<typeof videoDeleted>[], { checkTimeSlice, signal }) => {
      // What was never published has nothing.
      const published = deleted.filter(({ message }) => message.publishedAtMs > 0);
      for (const { message, traceId } of published)
        await storeFor({ traceId, signal }).close(message.videoId, message.authorId);
      for (const { message, traceId } of published) {
        const { videoId } = message;
        const store = storeFor({ traceId, signal });
        // In transactions of their own, since millions of rows must not be held in one; doing it again does no harm.
        for (const remove of [store.removeReactions, store.removeComments]) {
          while (await remove(videoId)) checkTimeSlice();
        }
        await store.forget(videoId);
      }
      return undefined;
    }),
  });
}
