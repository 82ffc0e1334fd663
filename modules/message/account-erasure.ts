import { accountErased } from "#contracts/events.ts";
import type { StoreFor } from "#platform/db/database.ts";
import type { Consumer } from "#platform/events/consumer/consumer.ts";
import { eachInTimeSlices } from "#platform/events/consumer/time-slice.ts";
import type { EventConsumers } from "#platform/events/events.ts";
import type { AccountErasureStore } from "./account-erasure-store.ts";
import type { GroupStore } from "./group-store.ts";
import type { NotificationStore } from "./notifications/notification-store.ts";
import type { Tables } from "./tables.ts";

/** Erases the conversations of a deleted account, on both sides, and its notifications, and takes it out of its groups. */
export function consumeErasures(
  events: EventConsumers<Tables>,
  storeFor: StoreFor<AccountErasureStore>,
  groupsFor: StoreFor<Pick<GroupStore, "forget">>,
  notifications: StoreFor<Pick<NotificationStore, "erase">>,
): Consumer {
  return events.consume({
    group: "message.accounts",
    types: [accountErased],
    prepare: eachInTimeSlices(async ({ message: { userId }, traceId }, { checkTimeSlice, signal }) => {
      const store = storeFor({ traceId, signal });
      await store.markDeleted(userId);
      await notifications({ traceId, signal }).erase(userId);
      const groups = groupsFor({ traceId, signal });
      for (let own = await store.groups(userId); own.length > 0; own = await store.groups(userId)) {
        for (const groupId of own) {
          await groups.forget(groupId, userId);
          checkTimeSlice();
        }
      }
      while (await store.removeFromGroups(userId)) checkTimeSlice();
      // In separate transactions, since there may be many; each is idempotent.
      for (let peers = await store.peers(userId); peers.length > 0; peers = await store.peers(userId)) {
        for (const peerId of peers) {
          while (await store.removeMessages(userId, peerId)) checkTimeSlice();
          checkTimeSlice();
        }
      }
      while (await store.removeActs(userId)) checkTimeSlice();
      await store.removeTraces(userId);
    }),
  });
}
