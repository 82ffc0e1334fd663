import type { MessageService } from "#contracts/gen/message_pb.ts";
import { type RelationService, Relationship } from "#contracts/gen/relation_pb.ts";
import type { UserService } from "#contracts/gen/user_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import type { PerCall } from "#platform/db/database.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import { coalesce, coalesceById } from "#platform/rpc/coalesce.ts";
import type { Client, Handlers } from "#platform/rpc/service.ts";
import { checkIdempotencyKey } from "#platform/text/idempotency-key.ts";
import { conversationKey } from "../pairs.ts";
import { toMessage } from "../present.ts";
import { checkContent, checkNotSelf } from "../rules.ts";
import type { Send } from "../send-store.ts";

/** Messages whose sender and receiver are looked up at a time. */
const maxBatch = 500;

export function send(
  store: PerCall<Send>,
  user: Client<typeof UserService, "getUsers">,
  relation: Client<typeof RelationService, "getStandings">,
): Handlers<typeof MessageService>["send"] {
  const apply = createBatcher((commands: Parameters<Send>[0], batch) => store(batch)(commands), {
    parallel: 2,
    conflict: (command) => conversationKey(command.senderId, command.receiverId),
  });
  const receivers = coalesceById(
    async (ids, call) => (await user.getUsers({ ids }, call)).users,
    ({ id }) => id,
    { maxBatch },
  );
  const standing = coalesce(
    async (people: { userId: string; otherIds: [string] }[], call) =>
      (await relation.getStandings({ people }, call)).standings.map(([flags]) => flags!),
    { maxBatch },
  );
  return async (request, call) => {
    const senderId = requireCaller(call);
    const { receiverId } = request;
    const content = checkContent(request.content);
    const key = checkIdempotencyKey(request.idempotencyKey);
    if (!isId(receiverId)) throw refusal("USER_NOT_FOUND");
    checkNotSelf(senderId, receiverId);
    // Best effort: follows and blocks belong to relation, so a change within these milliseconds does not count for
    // this message. The limit for strangers is counted here and is exact.
    const [people, flags] = await Promise.all([
      receivers([receiverId], call),
      standing({ userId: senderId, otherIds: [receiverId] }, call),
    ]);
    if (!people.has(receiverId)) throw refusal("USER_NOT_FOUND");
    const are = (what: Relationship) => (flags & what) > 0;
    const sent = await apply(
      {
        senderId,
        receiverId,
        content,
        key,
        friends: are(Relationship.FOLLOWS) && are(Relationship.FOLLOWED_BY),
        blocked: are(Relationship.BLOCKS),
        blockedBy: are(Relationship.BLOCKED_BY),
        traceId: call.traceId,
      },
      call,
    );
    if (sent instanceof DomainError) throw sent;
    return toMessage(sent);
  };
}
