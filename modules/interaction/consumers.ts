import { videoDeleted } from "#contracts/events.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { Consumer } from "#platform/events/consumer.ts";
import type { Events } from "#platform/events/events.ts";
import { inTimeSlices } from "#platform/events/time-slice.ts";
import type { RemovalStore } from "./removal-store.ts";
import type { Tables } from "./tables.ts";

/** With a video go its reactions and comments, and the likes of its author and of those who gave them. */
export function consumeVideoDeletions(events: Events, db: Kysely<Tables>, store: RemovalStore): Consumer {
  return events.consume({
    group: "interaction.removal",
    db,
    types: [videoDeleted],
    prepare: inTimeSlices(async (deleted, { checkTimeSlice }) => {
      // What was never published has nothing.
      const videos = deleted.map(({ message }) => message).filter(({ publishedAtMs }) => publishedAtMs > 0);
      for (const { videoId, authorId } of videos) await store.close(videoId, authorId);
      for (const { videoId } of videos) {
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
