import { accountErased, inboxesChanged } from "#contracts/events.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { Consumer } from "#platform/events/consumer.ts";
import type { Events } from "#platform/events/events.ts";
import type { AccountStore } from "./account-store.ts";
import type { Tables } from "./tables.ts";

/** With an account go its inbox and what was noted of its videos. */
export function followErasures(events: Events, db: Kysely<Tables>, store: AccountStore): Consumer {
  return events.consume({
    group: "feed.accounts",
    db,
    types: [accountErased],
    batch: 1,
    async handle(_transaction, erased, { emit }) {
      for (const { userId } of erased.map(({ message }) => message)) {
        await store.shutOut(userId);
        await store.removeAuthor(userId);
      }
      emit(inboxesChanged, {});
    },
  });
}
