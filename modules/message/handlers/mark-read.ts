import type { MessageService } from "#contracts/gen/message_pb.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { MessageStore, ReadCommand } from "../store.ts";

export function markRead(store: PerCall<MessageStore>): Handlers<typeof MessageService>["markRead"] {
  const apply = createBatcher((commands: ReadCommand[], batch) => store(batch).markRead(commands), {
    conflict: (command) => `${command.userId} ${command.peerId}`,
  });
  return async ({ peerId, upToId }, call) => {
    const userId = requireCaller(call);
    if (isId(peerId) && isId(upToId)) await apply({ userId, peerId, upToId }, call);
    return {};
  };
}
