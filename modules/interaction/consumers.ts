import { downloaded, shared, videoDeleted } from "#contracts/events.ts";
import type { StoreFor, Transaction } from "#platform/db/database.ts";
import type { Consumer } from "#platform/events/consumer/consumer.ts";
import { inTimeSlices } from "#platform/events/consumer/time-slice.ts";
import type { EventOf } from "#platform/events/event-type.ts";
import type { EventConsumers } from "#platform/events/events.ts";
import { downloads, shares } from "./daily-store.ts";
import { bookmarks, reposts } from "./mark-store.ts";
import type { PublishedVideos } from "./published-videos.ts";
import type { FactChange, RankingStore } from "./ranking-store.ts";
import type { RemovalStore } from "./removal-store.ts";
import type { Tables } from "./tables.ts";

/**
 * A removed video takes its reactions and comments with it, and subtracts the likes from its author and from those
 * who gave them.
 */
export function consumeVideoDeletions(
  events: EventConsumers<Tables>,
  storeFor: StoreFor<RemovalStore>,
  rankings: StoreFor<Pick<RankingStore, "forget">>,
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
          ...[bookmarks, reposts, shares, downloads].map(
            (facts) => (id: string) => store.removeFacts(id, facts),
          ),
          store.removeComments,
        ]) {
          while (await remove(videoId)) checkTimeSlice();
        }
        await store.forget(videoId);
        await rankings({ traceId, signal }).forget(videoId);
      }
      return undefined;
    }),
  });
}

const dayMs = 24 * 3_600_000;
export const rankedEvents = [shared, downloaded] as const;

/** Projects shares and downloads into the rankings. */
export function projectRankings(store: Pick<RankingStore, "recount">) {
  return (on: Transaction<Tables>, events: EventOf<(typeof rankedEvents)[number]>[]): Promise<void> =>
    store.recount(
      on,
      events.map(
        ({ type, message: { videoId, atMs, timesMs } }): FactChange => ({
          ranking: type === shared.name ? "shared" : "downloaded",
          videoId,
          // From a process of an earlier release: of its share only the day is known.
          timesMs: timesMs.length > 0 ? timesMs : [atMs, atMs - (atMs % dayMs)],
        }),
      ),
    );
}
