import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { afterFailures, isTransient, take } from "../api/client.ts";
import { useServices, useUser } from "../api/services.tsx";
import type { Message } from "../api/types.ts";
import { useAgain } from "../api/use-again.ts";
import { usePageShown } from "../ui/use-page-shown.ts";
import { createMessageCache } from "./message-cache.ts";
import { messagesQuery } from "./message-queries.ts";

/**
 * The messages between the viewer and one person, or in a group, oldest first; updated while it is shown. `around`: those
 * near that message instead of the newest.
 */
export function useConversation(peerId: string, around?: string) {
  const { api } = useServices();
  const me = useUser();
  const cache = useQueryClient();
  const known = useMemo(() => createMessageCache(cache), [cache]);
  const query = useInfiniteQuery(messagesQuery(api, peerId, around));
  const { data, error, fetchNextPage } = query;
  useAgain(data ? error : null, fetchNextPage);
  const messages = useMemo(() => inOrder(data?.pages.map((page) => page.items) ?? []), [data]);

  const isShown = usePageShown();
  // Of those around another one, later ones may be unread, and the newest page is not shown.
  const heardId = around ? undefined : messages.findLast((message) => message.senderId !== me?.id)?.id;
  const { mutate: markRead } = useMutation({
    mutationFn: (upTo: string) =>
      take(
        api.PUT("/api/v1/conversations/{userId}/read", {
          params: { path: { userId: peerId } },
          body: { upTo },
        }),
      ),
    onSuccess: (_, upTo) => known.read(peerId, upTo),
    retry: (_, error) => isTransient(error),
    retryDelay: (failures, error) => afterFailures(error, failures + 1),
  });
  useEffect(() => {
    if (heardId && isShown) markRead(heardId);
  }, [heardId, isShown, markRead]);

  const people = useMemo(() => data?.pages.flatMap((page) => page.people) ?? [], [data]);
  return { ...query, messages, people };
}

/** Pages come from the newest backwards; each message once. */
function inOrder(pages: readonly (readonly Message[])[]): Message[] {
  const all = [...pages].reverse().flat();
  return [...new Map(all.map((message) => [message.id, message])).values()];
}
