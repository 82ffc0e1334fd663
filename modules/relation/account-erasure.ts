import { accountErased } from "#contracts/events.ts";
import type { StoreFor } from "#platform/db/database.ts";
import type { Consumer } from "#platform/events/consumer/consumer.ts";
import { eachInTimeSlices } from "#platform/events/consumer/time-slice.ts";
import type { EventConsumers } from "#platform/events/events.ts";
import type { AccountErasureStore } from "./account-erasure-store.ts";
import type { Tables } from "./tables.ts";

/** Erases the follows and blocks of a deleted account, in both directions, with the counts of the others. */
export function consumeErasures(
  events: EventConsumers<Tables>,
  storeFor: StoreFor<AccountErasureStore>,
): Consumer {
  return events.consume({
    group: "relation.accounts",
    types: [accountErased],
    prepare: eachInTimeSlices(async ({ message: { userId }, traceId }, { checkTimeSlice, signal }) => {
      const store = storeFor({ traceId, signal });
      await store.markDeleted(userId);
      // In separate transactions, since there may be millions; each is idempotent.
      for (const remove of [store.removeFollows, store.removeBlocks])
        while (await remove(userId)) checkTimeSlice();
    }),
  });
}
