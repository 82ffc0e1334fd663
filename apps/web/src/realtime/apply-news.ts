import type { QueryClient } from "@tanstack/react-query";
import { createMessageCache } from "../messages/message-cache.ts";
import { hiddenQueryKey } from "../messages/message-queries.ts";
import type { Outbox } from "../messages/outbox.ts";
import type { Entry } from "./timeline.ts";

const COUNT_MS = 300;

/** Writes what has reached the viewer into every list that shows it. */
export function applyNews(
  cache: QueryClient,
  outbox: Pick<Outbox, "arrived">,
  ownId: string,
  wrote: (conversationId: string, userId: string) => void,
) {
  const known = createMessageCache(cache);
  let counting: ReturnType<typeof setTimeout> | undefined;
  /** Once for all that come together. */
  function countUnread() {
    if (counting) return;
    counting = setTimeout(() => {
      counting = undefined;
      void cache.invalidateQueries({ queryKey: ["unread"] });
    }, COUNT_MS);
  }
  return {
    entries(entries: readonly Entry[]) {
      for (const { message, read, settings, idempotencyKey } of entries) {
        if (settings) cache.setQueryData(hiddenQueryKey, { hidden: settings.presenceHidden });
        if (message) {
          const { id, conversationId, senderId, text, sentAt } = message;
          const receiverId = senderId === ownId ? conversationId : ownId;
          known.add(conversationId, { id, senderId, receiverId, content: text, sentAt });
          wrote(conversationId, senderId);
          if (idempotencyKey) outbox.arrived(idempotencyKey);
        }
        if (read?.readerId === ownId) known.read(read.conversationId, read.upTo);
      }
      if (entries.some(({ message, read }) => message || read?.readerId === ownId)) countUnread();
    },
    resync() {
      for (const queryKey of [["unread"], ["conversations"], ["messages"], hiddenQueryKey])
        void cache.invalidateQueries({ queryKey });
    },
  };
}
