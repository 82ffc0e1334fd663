import { isId } from "#platform/ids/snowflake.ts";
import type { Call } from "#platform/rpc/call.ts";
import { coalesce } from "#platform/rpc/coalesce.ts";
import type { Signals } from "#platform/signals/signals.ts";
import type { GatewayClients } from "../gateway-calls.ts";

/** A connection that is told who is writing to its person. */
export interface TypingListener {
  readonly userId: string;
  /** `conversationId` as the listener sees the conversation. */
  tell(typing: { conversationId: string; userId: string }): void;
}

export interface TypingHub {
  join(listener: TypingListener): void;
  leave(listener: TypingListener): void;
  /** A person is writing. Whom it does not concern is not told; the writer does not learn whom it does. */
  writes(userId: string, conversationId: string, call: Call): Promise<void>;
}

/** One line: who writes, and who is told, with the conversation as they see it. */
const channel = "typing";

/** Tells people who is writing to them, in whatever process their connections are. Nothing is stored, and words may be lost. */
export function createTypingHub(
  message: Pick<GatewayClients["message"], "getTypingAudiences">,
  signals: Signals,
): TypingHub {
  const listeners = new Map<string, Set<TypingListener>>();
  const audienceOf = coalesce(async (typing: { userId: string; conversationId: string }[], call) => {
    const { audiences } = await message.getTypingAudiences({ typing }, call);
    return typing.map((_, i) => audiences[i]?.userIds ?? []);
  });
  signals.listen(channel, (text) => {
    const [userId, conversationId, ...receiverIds] = text.split(" ");
    if (!userId || !conversationId) return;
    for (const id of receiverIds)
      for (const listener of listeners.get(id) ?? []) listener.tell({ conversationId, userId });
  });
  return {
    join(listener) {
      const own = listeners.get(listener.userId) ?? new Set();
      listeners.set(listener.userId, own.add(listener));
    },
    leave(listener) {
      const own = listeners.get(listener.userId);
      own?.delete(listener);
      if (own?.size === 0) listeners.delete(listener.userId);
    },
    async writes(userId, conversationId, call) {
      if (!isId(conversationId) || conversationId === userId) return;
      const receiverIds = (await audienceOf({ userId, conversationId }, call)).filter((id) => id !== userId);
      if (receiverIds.length === 0) return;
      // Between two people each sees the other's id; a group has its own.
      const seenAs = receiverIds.includes(conversationId) ? userId : conversationId;
      await signals.tell(channel, [userId, seenAs, ...receiverIds].join(" "));
    },
  };
}
