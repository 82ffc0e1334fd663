import { accountErased, commentDeleted, moderationActed, videoDeleted } from "#contracts/events.ts";
import type { StoreFor } from "#platform/db/database.ts";
import type { Consumer } from "#platform/events/consumer/consumer.ts";
import type { EventConsumers } from "#platform/events/events.ts";
import type { Call } from "#platform/rpc/call.ts";
import { systemCall } from "#platform/rpc/system-call.ts";
import type { ReportStore } from "./report-store.ts";
import type { Tables } from "./tables.ts";

/** What could not be enforced at once is, until it has been. */
export function consumeActs(
  events: EventConsumers<Tables>,
  enforceLate: (subjectIds: readonly string[], call: Call) => Promise<void>,
): Consumer {
  return events.consume({
    group: "moderation.enforce",
    types: [moderationActed],
    batch: 100,
    async prepare(acted, { signal }) {
      const { traceId } = acted[0]!;
      await enforceLate(
        acted.map(({ message }) => message.subjectId),
        systemCall({ traceId, signal }),
      );
    },
  });
}

/** What is not there any more waits for nobody, and what a person reported goes with them. */
export function consumeGone(events: EventConsumers<Tables>, storeFor: StoreFor<ReportStore>): Consumer {
  return events.consume({
    group: "moderation.gone",
    types: [videoDeleted, commentDeleted, accountErased],
    async prepare(gone, { signal }) {
      const store = storeFor({ traceId: gone[0]!.traceId, signal });
      const videoIds = gone.flatMap((one) => (one.type === videoDeleted.name ? one.message.videoId : []));
      const commentIds = gone.flatMap((one) =>
        one.type === commentDeleted.name ? one.message.commentId : [],
      );
      if (videoIds.length + commentIds.length > 0) await store.forget([...videoIds, ...commentIds], videoIds);
      for (const one of gone)
        if (one.type === accountErased.name) await store.forgetPerson(one.message.userId);
    },
  });
}
