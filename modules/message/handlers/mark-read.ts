import { areBlocked } from "#contracts/friends.ts";
import type { MessageService } from "#contracts/gen/message_pb.ts";
import type { RelationService } from "#contracts/gen/relation_pb.ts";
import type { TimelineHead } from "#contracts/timelines.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Client, Handlers } from "#platform/rpc/service.ts";
import { pairKey } from "../pairs.ts";
import type { MessageStore, ReadCommand } from "../store.ts";
import { standingOf } from "./standing-of.ts";

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
  const standing = standingOf(relation);
  return async ({ peerId, upToId }, call) => {
    const userId = requireCaller(call);
    if (!isId(peerId) || !isId(upToId)) return {};
    // Best effort, as with sending; without an answer the other hears nothing.
    const unheard = await standing({ userId, otherIds: [peerId] }, call).then(areBlocked, () => true);
    await apply({ userId, peerId, upToId, unheard }, call);
    return {};
  };
}
