import type { MessageService } from "#contracts/gen/message_pb.ts";
import type { StoreFor } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { MessageStore } from "../store.ts";

export function findMessageBlobs(
  store: StoreFor<MessageStore>,
): Handlers<typeof MessageService>["findMessageBlobs"] {
  return async ({ messageId, keys }, call) => {
    if (!call.callerId || !isId(messageId)) return {};
    return { keys: await store(call).shownBlobs(call.callerId, messageId, keys.slice(0, 10)) };
  };
}
