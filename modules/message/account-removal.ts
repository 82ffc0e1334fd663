import { accountErased } from "#contracts/events.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { Consumer } from "#platform/events/consumer.ts";
import type { Events } from "#platform/events/events.ts";
import { eachInTimeSlices } from "#platform/events/time-slice.ts";
import type { AccountStore } from "./account-store.ts";
import type { Tables } from "./tables.ts";

/** With an account go its conversations, on both sides. */
export function followErasures(events: Events, db: Kysely<Tables>, store: AccountStore): Consumer {
  return events.consume({
    group: "message.accounts",
    db,
    types: [accountErased],
    handle: eachInTimeSlices(async ({ message: { userId } }, { checkTimeSlice }) => {
      await store.shutOut(userId);
      // In transactions of their own, since there may be many; doing it again does no harm.
      for (let peers = await store.peers(userId); peers.length > 0; peers = await store.peers(userId)) {
        for (const peerId of peers) {
          while (await store.removeMessages(userId, peerId)) checkTimeSlice();
          checkTimeSlice();
        }
      }
    }),
  });
}
