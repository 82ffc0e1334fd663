import type { MessageService } from "#contracts/gen/message_pb.ts";
import type { RelationService } from "#contracts/gen/relation_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { TimelineHead } from "#contracts/timelines.ts";
import type { PerCall } from "#platform/db/database.ts";
import { takePage } from "#platform/db/take-page.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { type Call, requireCaller } from "#platform/rpc/call.ts";
import type { Client, Handlers } from "#platform/rpc/service.ts";
import type { Act, ActStore, ReactionPosition } from "../act-store.ts";
import { blockOf, checkEmoji, maxReactionsListed } from "../rules.ts";

type Service = Handlers<typeof MessageService>;

/** What one can do with a message that is there. */
export function actHandlers(
  store: PerCall<ActStore>,
  relation: Client<typeof RelationService, "getRelations">,
  reached: (heads: TimelineHead[]) => void,
): Pick<Service, "setReaction" | "listReactions" | "recallMessage" | "hideMessage"> {
  return {
    async setReaction(request, call) {
      const act = actOf(request, call);
      const emoji = checkEmoji(request.emoji);
      // Best effort, as with sending. To take one away is always allowed.
      const { relations } = request.on
        ? await relation.getRelations({ userIds: [act.peerId] }, call)
        : { relations: [] };
      const [relationOf] = relations;
      const refused =
        relationOf && blockOf({ blocked: relationOf.blocked, blockedBy: relationOf.blocksCaller });
      if (refused) throw refused;
      reached(await store(call).setReaction(act, emoji, request.on));
      return {};
    },
    async listReactions(request, call) {
      const act = actOf(request, call);
      const { rows, after } = await takePage(request.limit, maxReactionsListed, (limit) =>
        store(call).reactions(act, positionOf(request.after), limit),
      );
      return {
        reactions: rows.map(({ user_id, emoji }) => ({ userId: user_id, emoji })),
        next: after ? `${after.at_ms}-${after.user_id}-${after.emoji}` : "",
      };
    },
    async recallMessage(request, call) {
      reached(await store(call).recall(actOf(request, call)));
      return {};
    },
    async hideMessage(request, call) {
      reached(await store(call).hide(actOf(request, call)));
      return {};
    },
  };
}

function actOf({ peerId, messageId }: { peerId: string; messageId: string }, call: Call): Act {
  const userId = requireCaller(call);
  if (!isId(peerId) || !isId(messageId)) throw refusal("MESSAGE_NOT_FOUND");
  return { userId, peerId, messageId };
}

function positionOf(after: string): ReactionPosition | undefined {
  if (after === "") return undefined;
  const [, at_ms, user_id, emoji] = /^(\d{1,15})-(\d{1,19})-([^\p{Cc}]{1,32})$/u.exec(after) ?? [];
  if (at_ms && user_id && emoji && isId(user_id)) return { at_ms, user_id, emoji };
  throw refusal("CURSOR_INVALID");
}
