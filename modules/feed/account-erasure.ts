import { accountErased, inboxesChanged } from "#contracts/events.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { Consumer } from "#platform/events/consumer.ts";
import type { Events } from "#platform/events/events.ts";
import type { AccountErasureStore } from "./account-erasure-store.ts";
import type { Tables } from "./tables.ts";

/** Erases the inbox of a deleted account and what is recorded of its videos. */
export function consumeErasures(events: Events, db: Kysely<Tables>, store: AccountErasureStore): Consumer {
  return events.consume({
    group: "feed.accounts",
    db,
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
