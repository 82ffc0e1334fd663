import { accountErased } from "#contracts/events.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { Consumer } from "#platform/events/consumer.ts";
import type { Events } from "#platform/events/events.ts";
import { eachInTurns } from "#platform/events/turn.ts";
import type { AccountStore } from "./account-store.ts";
import type { Tables } from "./tables.ts";

/** With an account go its follows and blocks, in both directions, and what others have won by them. */
export function followErasures(events: Events, db: Kysely<Tables>, store: AccountStore): Consumer {
  return events.consume({
    group: "relation.accounts",
    db,
    types: [accountErased],
    handle: eachInTurns(async ({ message: { userId } }, { mayGoOn }) => {
      await store.shutOut(userId);
      // In transactions of their own, since there may be millions; doing it again does no harm.
      for (const remove of [store.removeFollows, store.removeBlocks]) while (await remove(userId)) mayGoOn();
    }),
  });
}
