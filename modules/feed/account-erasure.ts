import { accountErased, inboxesChanged } from "#contracts/events.ts";
import type { Consumer } from "#platform/events/consumer/consumer.ts";
import type { EventConsumers } from "#platform/events/events.ts";
import type { AccountErasureStore } from "./account-erasure-store.ts";
import type { Tables } from "./tables.ts";

/** Erases the inbox of a deleted account and what is recorded of its videos. */
export function consumeErasures(events: EventConsumers<Tables>, store: AccountErasureStore): Consumer {
  return events.consume({
    group: "feed.accounts",
    types: [accountErased],
    batch: 1,
    async prepare(erased) {
      for (const { userId } of erased.map(({ message }) => message)) {
        await store.markDeleted(userId);
        await store.removeAuthor(userId);
      }
      return undefined;
    },
    async handle(_transaction, _erased, { emit }) {
      emit(inboxesChanged, {});
    },
  });
}
