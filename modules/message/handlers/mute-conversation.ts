import type { MessageService } from "#contracts/gen/message_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { TimelineHead } from "#contracts/timelines.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { MessageStore } from "../store.ts";

export function muteConversation(
  store: PerCall<MessageStore>,
  reached: (heads: TimelineHead[]) => void,
): Handlers<typeof MessageService>["muteConversation"] {
  return async ({ peerId, muted }, call) => {
    const userId = requireCaller(call);
    if (!isId(peerId)) throw refusal("NOT_FOUND", "There is no such conversation.");
    reached(await store(call).mute({ userId, peerId }, muted));
    return {};
  };
}
