import { accountErased } from "#contracts/events.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { Consumer } from "#platform/events/consumer.ts";
import type { Events } from "#platform/events/events.ts";
import { eachInTimeSlices } from "#platform/events/time-slice.ts";
import type { AccountStore } from "./account-store.ts";
import type { Tables } from "./tables.ts";

/** With an account go its follows and blocks, in both directions, and what others have won by them. */
export function followErasures(events: Events, db: Kysely<Tables>, store: AccountStore): Consumer {
  return events.consume({
    group: "relation.accounts",
    db,
    types: [accountErased],
    handle: eachInTimeSlices(async ({ message: { userId } }, { checkTimeSlice }) => {
      await store.shutOut(userId);
      // In transactions of their own, since there may be millions; doing it again does no harm.
      for (const remove of [store.removeFollows, store.removeBlocks])
        while (await remove(userId)) checkTimeSlice();
    }),
  });
}
