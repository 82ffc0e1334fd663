import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { useEffect, useMemo } from "react";
import { isTransient, take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import type { Message } from "../api/types.ts";
import { useAgain } from "../api/use-again.ts";
import { createMessageCache } from "./message-cache.ts";
import { fetchMessages, messagesQuery } from "./message-queries.ts";
import { useLive } from "./use-live.ts";

const CHECK_MS = 2500;

/** The messages between the viewer and one person, oldest first; updated while it is shown. */
export function useConversation(peerId: string) {
  const { api } = useServices();
  const cache = useQueryClient();
  const known = useMemo(() => createMessageCache(cache), [cache]);
  const query = useInfiniteQuery(messagesQuery(api, peerId));
  const { data, error, fetchNextPage } = query;
  useAgain(data ? error : null, fetchNextPage);
  const messages = useMemo(() => inOrder(data?.pages.map((page) => page.items) ?? []), [data]);
  const lastId = messages.at(-1)?.id;

  const heardId = messages.findLast((message) => message.senderId === peerId)?.id;
  const { mutate: markRead, error: unmarked } = useMutation({
    mutationFn: (upTo: string) =>
      take(
        api.PUT("/api/v1/conversations/{userId}/read", {
          params: { path: { userId: peerId } },
          body: { upTo },
        }),
      ),
    onSuccess: () => known.read(peerId),
  });
  useEffect(() => {
    if (heardId) markRead(heardId);
  }, [heardId, markRead]);

  useLive(
    async () => {
      // A message that is being sent would come back twice: as itself and as news.
      if (known.outbox(peerId).some((one) => !one.failed)) return;
      const { items } = await fetchMessages(api, peerId, { after: lastId });
      known.arrived(peerId, items);
      // As rarely as after a failure of the server; not at all after a refusal.
      if (unmarked && isTransient(unmarked) && heardId) markRead(heardId);
    },
    CHECK_MS,
    data !== undefined,
  );
  return { ...query, messages };
}

/** Pages come from the newest backwards; each message once. */
function inOrder(pages: readonly (readonly Message[])[]): Message[] {
  const all = [...pages].reverse().flat();
  return [...new Map(all.map((message) => [message.id, message])).values()];
}
