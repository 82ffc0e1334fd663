import { accountErased, videoDeleted } from "#contracts/events.ts";
import type { StoreFor } from "#platform/db/database.ts";
import type { Consumer } from "#platform/events/consumer/consumer.ts";
import { eachInTimeSlices, inTimeSlices } from "#platform/events/consumer/time-slice.ts";
import type { EventOf } from "#platform/events/event-type.ts";
import type { EventConsumers } from "#platform/events/events.ts";
import type { ErasureStore } from "./erasure-store.ts";
import type { RankingStore } from "./ranking-store.ts";
import type { Tables } from "./tables.ts";

/** What was counted of a deleted video goes with it, and its place in rankings. */
export function consumeVideoDeletions(
  events: EventConsumers<Tables>,
  storeFor: StoreFor<ErasureStore>,
  rankings: StoreFor<Pick<RankingStore, "forget">>,
): Consumer {
  return events.consume({
    group: "playback.videos",
    types: [videoDeleted],
    prepare: inTimeSlices(async (deleted: EventOf<typeof videoDeleted>[], { checkTimeSlice, signal }) => {
      const call = { traceId: deleted[0]!.traceId, signal };
      const store = storeFor(call);
      const ids = deleted.map(({ message }) => message.videoId);
      await store.markVideos(ids);
      await rankings(call).forget(ids);
      for (const step of ids.flatMap(store.videoSteps)) while (await step()) checkTimeSlice();
      return undefined;
    }),
  });
}

/**
 * What a deleted person watched goes with them, and the followers whom they won. Their likes, comments and follows are
 * subtracted when other modules tell of their end.
 */
export function consumeErasures(events: EventConsumers<Tables>, storeFor: StoreFor<ErasureStore>): Consumer {
  return events.consume({
    group: "playback.accounts",
    types: [accountErased],
    prepare: eachInTimeSlices(async ({ message: { userId }, traceId }, { checkTimeSlice, signal }) => {
      const store = storeFor({ traceId, signal });
      await store.markPerson(userId);
      for (const step of store.personSteps(userId)) while (await step()) checkTimeSlice();
    }),
  });
}
