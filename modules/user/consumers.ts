import { accountRefused, accountRemoved } from "#contracts/events.ts";
import type { Kysely } from "#platform/db/database.ts";
import type { Consumer } from "#platform/events/consumer.ts";
import type { EventOf } from "#platform/events/event-type.ts";
import type { Events } from "#platform/events/events.ts";
import type { ClosingStore } from "./closing-store.ts";
import type { Tables } from "./tables.ts";

const answers = [accountRefused, accountRemoved] as const;

/** What becomes of a closing account, when it is known whether its videos can go. */
export function followAnswers(
  events: Events,
  db: Kysely<Tables>,
  store: ClosingStore,
  removePicture: (key: string) => Promise<void>,
): Consumer {
  return events.consume<Tables, (typeof answers)[number]>({
    group: "user.closing",
    db,
    types: answers,
    async handle(on, told: EventOf<(typeof answers)[number]>[], { emit }) {
      for (const { type, message } of told) {
        if (type === accountRemoved.name) await store.erase(on, emit, message, removePicture);
        else await store.reopen(on, emit, message, message.reason);
      }
    },
  });
}
