import type { QueryClient } from "@tanstack/react-query";
import { createMessageCache } from "../messages/message-cache.ts";
import type { Outbox } from "../messages/outbox.ts";
import { NOTIFICATIONS } from "../notifications/notification-queries.ts";
import type { Entry } from "./timeline.ts";

const COUNT_MS = 300;

/** Writes what has reached the viewer into every list that shows it. */
export function applyNews(cache: QueryClient, outbox: Pick<Outbox, "arrived">, ownId: string) {
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
  /** A list that is shown is fetched anew, another when it is opened. */
  const readAgain = () => void cache.invalidateQueries({ queryKey: NOTIFICATIONS });
  return {
    entries(entries: readonly Entry[]) {
      for (const { message, read, idempotencyKey } of entries) {
        if (message) {
          const { id, conversationId, senderId, text, sentAt } = message;
          const receiverId = senderId === ownId ? conversationId : ownId;
          known.add(conversationId, { id, senderId, receiverId, content: text, sentAt });
          if (idempotencyKey) outbox.arrived(idempotencyKey);
        }
        if (read?.readerId === ownId) known.read(read.conversationId, read.upTo);
      }
      const isCounted = ({ message, read, notification }: Entry) =>
        message || notification || read?.readerId === ownId;
      if (entries.some(isCounted)) countUnread();
      if (entries.some(({ notification }) => notification)) readAgain();
    },
    resync() {
      for (const queryKey of [["unread"], ["conversations"], ["messages"], NOTIFICATIONS])
        void cache.invalidateQueries({ queryKey });
    },
  };
}
