import type { QueryClient } from "@tanstack/react-query";
import type { Notice } from "../api/types.ts";
import { createMessageCache } from "../messages/message-cache.ts";
import { hiddenQueryKey } from "../messages/message-queries.ts";
import type { Outbox } from "../messages/outbox.ts";
import { NOTIFICATIONS } from "../notifications/notification-queries.ts";
import type { Entry } from "./timeline.ts";

const AGAIN_MS = 300;
/** Kinds of entries after which no more messages are unread than before. */
const NOT_MORE: ReadonlySet<string> = new Set(["changed", "hidden", "read", "notification", "settings"]);

/** Writes what has reached the viewer into every list that shows it. */
export function applyNews(
  cache: QueryClient,
  outbox: Pick<Outbox, "arrived">,
  ownId: string,
  wrote: (conversationId: string, userId: string) => void,
  isInView: (conversationId: string) => boolean,
) {
  const known = createMessageCache(cache);
  const stale = new Set<string>();
  let asking: ReturnType<typeof setTimeout> | undefined;
  /** Asks for it again, once for all that come together. */
  function askAgain(...queryKey: string[]) {
    stale.add(JSON.stringify(queryKey));
    if (asking) return;
    asking = setTimeout(() => {
      asking = undefined;
      for (const key of stale) void cache.invalidateQueries({ queryKey: JSON.parse(key) });
      stale.clear();
    }, AGAIN_MS);
  }
  /** What happened in a group, or to the viewer's place in it. */
  function hear(groupId: string, notice: Notice, senderId: string) {
    const { kind, userIds } = notice;
    const gone = (kind === "left" && senderId === ownId) || (kind === "removed" && userIds.includes(ownId));
    if (gone) known.remove(groupId);
    else askAgain("conversations");
    askAgain("group", groupId);
  }
  return {
    entries(entries: readonly Entry[]) {
      for (const { kind, message, hidden, read, invitation, muted, settings, idempotencyKey } of entries) {
        if (settings) cache.setQueryData(hiddenQueryKey, { hidden: settings.presenceHidden });
        if (message) {
          const { conversationId, text, ...rest } = message;
          const { senderId, inGroup, notice } = message;
          const own = senderId === ownId;
          const is = { ...rest, receiverId: own || inGroup ? conversationId : ownId, content: text };
          if (kind === "changed") known.change(conversationId, is);
          else {
            known.add(conversationId, is, ownId);
            if (notice) hear(conversationId, notice, senderId);
            wrote(conversationId, senderId);
          }
        }
        if (hidden) known.hide(hidden.conversationId, hidden.messageId);
        if (idempotencyKey) outbox.arrived(idempotencyKey);
        if (read?.readerId === ownId) known.read(read.conversationId, read.upTo, ownId);
        else if (read) {
          known.readByPeer(read.conversationId, read.upTo);
          askAgain("group", read.conversationId, "members");
        }
        // Perhaps the group itself, with the viewer as its last member: nothing else tells of that.
        if (kind === "removed") askAgain("conversations");
        if (invitation) askAgain("group-invitations");
        if (muted) known.mute(muted.conversationId, muted.muted);
      }
      const unread = entries.at(-1)?.unread;
      const areRead = entries.every(
        ({ kind, message }) => NOT_MORE.has(kind) || (message && isInView(message.conversationId)),
      );
      if (unread !== undefined) known.unread(unread, areRead);
      const isNotified = entries.some(({ notification }) => notification);
      if (isNotified || unread === undefined) askAgain("unread");
      if (isNotified) askAgain(...NOTIFICATIONS);
    },
    resync() {
      const pages = [["unread"], ["conversations"], ["messages"], NOTIFICATIONS];
      for (const queryKey of [...pages, ["group"], ["group-invitations"], hiddenQueryKey])
        void cache.invalidateQueries({ queryKey });
    },
  };
}
