import type { MessageService } from "#contracts/gen/message_pb.ts";
import type { UserService } from "#contracts/gen/user_pb.ts";
import type { PerCall, StoreFor } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Client, Handlers } from "#platform/rpc/service.ts";
import type { MessageReportStore } from "../report-store.ts";
import type { MessageStore } from "../store.ts";

export function findMessageBlobs(
  store: StoreFor<MessageStore>,
  reports: PerCall<Pick<MessageReportStore, "reportedBlobs">>,
  user: Client<typeof UserService, "getUsers">,
): Handlers<typeof MessageService>["findMessageBlobs"] {
  return async ({ messageId, keys: asked }, call) => {
    if (!call.callerId || !isId(messageId)) return {};
    const keys = asked.slice(0, 10);
    const shown = await store(call).shownBlobs(call.callerId, messageId, keys);
    if (shown.length > 0) return { keys: shown };
    const reported = await reports(call).reportedBlobs(messageId, keys);
    if (reported.length === 0) return {};
    // Asked for here: who loads a picture has no session to tell it.
    const { users } = await user.getUsers({ ids: [call.callerId] }, call);
    return users[0]?.moderator ? { keys: reported } : {};
  };
}
