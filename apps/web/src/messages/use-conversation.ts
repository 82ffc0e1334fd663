import { useInfiniteQuery } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { useServices, useUser } from "../api/services.tsx";
import type { Message } from "../api/types.ts";
import { useAgain } from "../api/use-again.ts";
import { usePageShown } from "../ui/use-page-shown.ts";
import { messagesQuery } from "./message-queries.ts";
import { useMarkRead } from "./use-mark-read.ts";

/**
 * The messages between the viewer and one person, or in a group, oldest first; updated while it is shown. `around`: those
 * near that message instead of the newest. `atEnd`: the newest are in view.
 */
export function useConversation(peerId: string, around: string | undefined, atEnd: boolean) {
  const { api, realtime } = useServices();
  const me = useUser();
  const query = useInfiniteQuery(messagesQuery(api, peerId, around));
  const { data } = query;
  useAgain(query);
  const messages = useMemo(() => inOrder(data?.pages.map((page) => page.items) ?? []), [data]);

  const isShown = usePageShown();
  // Of those around another one, later ones may be unread, and the newest page is not shown.
  const isReading = isShown && atEnd && !around;
  useEffect(() => (isReading ? realtime.views(peerId) : undefined), [isReading, realtime, peerId]);
  const heardId = messages.findLast((message) => message.senderId !== me?.id)?.id;
  useMarkRead(peerId, isReading ? heardId : undefined);

  const people = useMemo(() => data?.pages.flatMap((page) => page.people) ?? [], [data]);
  return { ...query, messages, people, peerReadUpTo: data?.pages[0]?.peerReadUpTo };
}

/** Pages come from the newest backwards; each message once. */
function inOrder(pages: readonly (readonly Message[])[]): Message[] {
  const all = [...pages].reverse().flat();
  return [...new Map(all.map((message) => [message.id, message])).values()];
}
