import { accountRefused, accountRemoved } from "#contracts/events.ts";
import type { Consumer } from "#platform/events/consumer/consumer.ts";
import type { Emit, EventOf } from "#platform/events/event-type.ts";
import type { EventConsumers } from "#platform/events/events.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { DeletionRequestStore } from "./deletion-request-store.ts";
import type { Tables } from "./tables.ts";

const outcomes = [accountRefused, accountRemoved] as const;

/** Erases or reopens an account when the video module has answered. */
export function consumeDeletionOutcomes(
  events: EventConsumers<Tables>,
  store: DeletionRequestStore,
  jobs: Jobs,
): Consumer {
  return events.consume<(typeof outcomes)[number]>({
    group: "user.closing",
    types: outcomes,
    async handle(on, told: EventOf<(typeof outcomes)[number]>[], { emit }) {
      for (const { type, message, traceId } of told) {
        const emitInTrace: Emit = (emitted, content) => emit(emitted, content, traceId);
        if (type === accountRemoved.name) await store.erase(on, emitInTrace, message, jobs);
        else await store.reopen(on, emitInTrace, message, message.reason);
      }
    },
  });
}
