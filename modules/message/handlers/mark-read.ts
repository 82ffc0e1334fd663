import type { MessageService } from "#contracts/gen/message_pb.ts";
import type { TimelineHead } from "#contracts/timelines.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { conversationKey } from "../pairs.ts";
import type { MessageStore, ReadCommand } from "../store.ts";

export function markRead(
  store: PerCall<MessageStore>,
  reached: (heads: TimelineHead[]) => void,
): Handlers<typeof MessageService>["markRead"] {
  const apply = createBatcher(
    async (commands: ReadCommand[], batch) => {
      reached(await store(batch).markRead(commands));
      return commands.map(() => undefined);
    },
    // Both sides of a conversation are locked and told.
    { conflict: ({ userId, peerId }) => conversationKey(userId, peerId) },
  );
  return async ({ peerId, upToId }, call) => {
    const userId = requireCaller(call);
    if (isId(peerId) && isId(upToId)) await apply({ userId, peerId, upToId }, call);
    return {};
  };
}
