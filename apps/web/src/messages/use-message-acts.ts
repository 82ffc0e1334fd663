import { useQueryClient } from "@tanstack/react-query";
import { useMemo } from "react";
import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import type { Message } from "../api/types.ts";
import { createConfirmed } from "../social/confirmed.ts";
import { useAction } from "../ui/use-action.ts";
import { createMessageCache } from "./message-cache.ts";
import { withReaction } from "./reaction.ts";

/** Whether one has reacted to a message so. */
const confirmed = createConfirmed<boolean>();

/** What the viewer can do with a message of a conversation. */
export function useMessageActs(conversationId: string) {
  const { api } = useServices();
  const cache = useQueryClient();
  const known = useMemo(() => createMessageCache(cache), [cache]);
  const path = (messageId: string) => ({ userId: conversationId, messageId });
  const show = (id: string, emoji: string, on: boolean) =>
    known.touch(conversationId, id, (now) => withReaction(now, emoji, on));

  // In the order of the taps.
  const scope = { id: `reactions in ${conversationId}` };
  const react = useAction<unknown, { message: Message; emoji: string; on: boolean }>({
    mutationFn: ({ message: { id }, emoji, on }) => {
      const params = { path: { ...path(id), emoji } };
      return take(
        on
          ? api.PUT("/api/v1/conversations/{userId}/messages/{messageId}/reactions/{emoji}", { params })
          : api.DELETE("/api/v1/conversations/{userId}/messages/{messageId}/reactions/{emoji}", { params }),
      );
    },
    scope,
    onMutate({ message, emoji, on }) {
      const underWay = cache.isMutating({ predicate: ({ options }) => options.scope?.id === scope.id });
      // It is counted itself.
      confirmed.begin(`${message.id} ${emoji}`, !on, underWay === 1);
      show(message.id, emoji, on);
    },
    onSuccess: (_, { message, emoji, on }) => confirmed.accepted(`${message.id} ${emoji}`, on),
    onError(_, { message, emoji }) {
      const now = confirmed.failed(`${message.id} ${emoji}`);
      if (now) show(message.id, emoji, now.state);
    },
  });
  const recall = useAction<unknown, Message>({
    mutationFn: ({ id }) =>
      take(
        api.PUT("/api/v1/conversations/{userId}/messages/{messageId}/recalled", {
          params: { path: path(id) },
        }),
      ),
    onSuccess: (_, { id, senderId, receiverId, sentAt, inGroup }) => {
      const kept = { id, senderId, receiverId, sentAt, ...(inGroup && { inGroup }) };
      known.change(conversationId, { ...kept, content: "", recalled: true });
    },
  });
  const hide = useAction<unknown, Message>({
    mutationFn: ({ id }) =>
      take(api.DELETE("/api/v1/conversations/{userId}/messages/{messageId}", { params: { path: path(id) } })),
    onSuccess: (_, { id }) => known.hide(conversationId, id),
  });
  return {
    react: (message: Message, emoji: string) => {
      const own = message.reactions?.some((one) => one.emoji === emoji && one.own) ?? false;
      react.mutate({ message, emoji, on: !own });
    },
    recall: recall.mutate,
    hide: hide.mutate,
  };
}

export type MessageActs = ReturnType<typeof useMessageActs>;
