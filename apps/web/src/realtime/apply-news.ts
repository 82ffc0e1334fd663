import type { QueryClient } from "@tanstack/react-query";
import { createMessageCache } from "../messages/message-cache.ts";
import type { Entry } from "./timeline.ts";

const COUNT_MS = 300;

/** Writes what has reached the viewer into every list that shows it. */
export function applyNews(cache: QueryClient, outbox: { arrived(key: string): void }, ownId: string) {
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
      for (const { kind, message, hidden, read, idempotencyKey } of entries) {
        if (message) {
          const { conversationId, text, ...rest } = message;
          const receiverId = message.senderId === ownId ? conversationId : ownId;
          const is = { ...rest, receiverId, content: text };
          if (kind === "changed") known.change(conversationId, is);
          else known.add(conversationId, is);
        }
        if (hidden) known.hide(hidden.conversationId, hidden.messageId);
        if (idempotencyKey) outbox.arrived(idempotencyKey);
        if (read?.readerId === ownId) known.read(read.conversationId, read.upTo);
      }
      if (entries.some(({ kind, read }) => kind === "message" || read?.readerId === ownId)) countUnread();
    },
    resync() {
      for (const queryKey of [["unread"], ["conversations"], ["messages"]])
        void cache.invalidateQueries({ queryKey });
    },
  };
}
