import type { MessageService } from "#contracts/gen/message_pb.ts";
import type { RelationService } from "#contracts/gen/relation_pb.ts";
import type { UserService } from "#contracts/gen/user_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import type { PerCall } from "#platform/db/database.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Client, Handlers } from "#platform/rpc/service.ts";
import { checkIdempotencyKey } from "#platform/text/idempotency-key.ts";
import { conversationKey } from "../pairs.ts";
import { toMessage } from "../present.ts";
import { checkContent, checkNotSelf } from "../rules.ts";
import type { Send } from "../send-store.ts";

export function send(
  store: PerCall<Send>,
  user: Client<typeof UserService, "getUsers">,
  relation: Client<typeof RelationService, "getRelations">,
): Handlers<typeof MessageService>["send"] {
  const apply = createBatcher((commands: Parameters<Send>[0], batch) => store(batch)(commands), {
    conflict: (command) => conversationKey(command.senderId, command.receiverId),
  });
  return async (request, call) => {
    const senderId = requireCaller(call);
    const { receiverId } = request;
    const content = checkContent(request.content);
    const key = checkIdempotencyKey(request.idempotencyKey);
    if (!isId(receiverId)) throw refusal("USER_NOT_FOUND");
    const replyToId = request.replyToId || undefined;
    if (replyToId && !isId(replyToId)) throw refusal("MESSAGE_NOT_FOUND");
    checkNotSelf(senderId, receiverId);
    // Best effort: follows and blocks belong to relation, so a change within these milliseconds does not count for
    // this message. The limit for strangers is counted here and is exact.
    const [{ users }, { relations }] = await Promise.all([
      user.getUsers({ ids: [receiverId] }, call),
      relation.getRelations({ userIds: [receiverId] }, call),
    ]);
    if (users.length === 0) throw refusal("USER_NOT_FOUND");
    const [relationOf] = relations;
    const sent = await apply(
      {
        senderId,
        receiverId,
        content,
        key,
        replyToId,
        friends: (relationOf?.followed && relationOf.followsCaller) ?? false,
        blocked: relationOf?.blocked ?? false,
        blockedBy: relationOf?.blocksCaller ?? false,
        traceId: call.traceId,
      },
      call,
    );
    if (sent instanceof DomainError) throw sent;
    return toMessage(sent);
  };
}
