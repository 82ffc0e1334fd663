import type { MessageService } from "#contracts/gen/message_pb.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { MessageStore } from "../store.ts";

export function markRead(store: MessageStore): Handlers<typeof MessageService>["markRead"] {
  const apply = createBatcher(store.markRead, { conflict: (wish) => `${wish.userId} ${wish.peerId}` });
  return async ({ peerId, upToId }, call) => {
    const userId = requireCaller(call);
    if (isId(peerId) && isId(upToId)) await apply({ userId, peerId, upToId });
    return {};
  };
}
