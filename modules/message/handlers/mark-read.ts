import type { MessageService } from "#contracts/gen/message_pb.ts";
import { type RelationService, Relationship } from "#contracts/gen/relation_pb.ts";
import type { TimelineHead } from "#contracts/timelines.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import { coalesce } from "#platform/rpc/coalesce.ts";
import type { Client, Handlers } from "#platform/rpc/service.ts";
import { pairKey } from "../pairs.ts";
import type { MessageStore, ReadCommand } from "../store.ts";

const block = Relationship.BLOCKS | Relationship.BLOCKED_BY;
const maxBatch = 500;

export function markRead(
  store: PerCall<MessageStore>,
  relation: Client<typeof RelationService, "getStandings">,
  reached: (heads: TimelineHead[]) => void,
): Handlers<typeof MessageService>["markRead"] {
  const apply = createBatcher(
    async (commands: ReadCommand[], batch) => {
      reached(await store(batch).markRead(commands));
      return commands.map(() => undefined);
    },
    { conflict: ({ userId, peerId }) => pairKey(userId, peerId) },
  );
  const standing = coalesce(
    async (people: { userId: string; otherIds: [string] }[], call) =>
      (await relation.getStandings({ people }, call)).standings.map(([flags]) => flags!),
    { maxBatch },
  );
  return async ({ peerId, upToId }, call) => {
    const userId = requireCaller(call);
    if (!isId(peerId) || !isId(upToId)) return {};
    // Best effort, as with sending; without an answer the other hears nothing.
    const flags = await standing({ userId, otherIds: [peerId] }, call).catch(() => block);
    await apply({ userId, peerId, upToId, unheard: (flags & block) > 0 }, call);
    return {};
  };
}
