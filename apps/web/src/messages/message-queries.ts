import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { type Api, take } from "../api/client.ts";
import { paging } from "../api/queries.ts";
import type { MessagePage } from "../api/types.ts";

const CONVERSATIONS_PAGE = 20;
const MESSAGES_PAGE = 30;

export const unreadQuery = (api: Api) =>
  queryOptions({
    queryKey: ["unread"],
    queryFn: ({ signal }) => take(api.GET("/api/v1/me/unread", { signal })),
  });

/** Whether the viewer hides when they are here. */
export const hiddenQueryKey = ["presence-hidden"];
export const hiddenQuery = (api: Api) =>
  queryOptions({
    queryKey: hiddenQueryKey,
    queryFn: ({ signal }) => take(api.GET("/api/v1/me/presence", { signal })),
  });

const fetchConversations = (api: Api, cursor?: string, signal?: AbortSignal) =>
  take(
    api.GET("/api/v1/conversations", {
      params: { query: { limit: CONVERSATIONS_PAGE, ...(cursor && { cursor }) } },
      ...(signal && { signal }),
    }),
  );

export const conversationsQuery = (api: Api) =>
  infiniteQueryOptions({
    queryKey: ["conversations"],
    queryFn: ({ pageParam, signal }) => fetchConversations(api, pageParam, signal),
    ...paging,
    staleTime: 0,
  });

/** The place of a page. */
type Edge = { before?: string | undefined; after?: string | undefined };
const upTo = (messageId: string): Edge => ({ before: String(BigInt(messageId) + 1n) });

/** The messages after one message, oldest first; without one, the latest messages. */
const fetchMessages = (api: Api, userId: string, edge: Edge, signal?: AbortSignal) =>
  take(
    api.GET("/api/v1/conversations/{userId}/messages", {
      params: {
        path: { userId },
        query: {
          limit: MESSAGES_PAGE,
          ...(edge.before && { before: edge.before }),
          ...(edge.after && { after: edge.after }),
        },
      },
      ...(signal && { signal }),
    }),
  );

/**
 * From the newest page backwards, or from the one that ends with the message `around`, in both directions; within a page
 * the oldest message comes first.
 */
export function messagesQuery(api: Api, userId: string, around?: string) {
  const first: Edge = around ? upTo(around) : {};
  return infiniteQueryOptions({
    queryKey: around ? ["messages", userId, around] : ["messages", userId],
    queryFn: ({ pageParam, signal }) => fetchMessages(api, userId, pageParam, signal),
    initialPageParam: first,
    getNextPageParam: (page: MessagePage, _, { after }: Edge): Edge | undefined => {
      // When all are asked for again, the first may be one after another, whose cursor leads to the newer ones.
      if (after) return upTo(after);
      return page.nextCursor ? { before: page.nextCursor } : undefined;
    },
    getPreviousPageParam: (page: MessagePage, _, { after }: Edge): Edge | undefined => {
      if (!around) return undefined;
      if (after) return page.nextCursor ? { after: page.nextCursor } : undefined;
      return { after: page.items.at(-1)?.id ?? around };
    },
    staleTime: 0,
  });
}

const FOUND_PAGE = 20;

/** The viewer's messages with a text in them, newest first. */
export const foundQuery = (api: Api, q: string) =>
  infiniteQueryOptions({
    queryKey: ["found messages", q],
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET("/api/v1/me/messages", {
          params: { query: { q, limit: FOUND_PAGE, ...(pageParam && { cursor: pageParam }) } },
          signal,
        }),
      ),
    ...paging,
    staleTime: 0,
    gcTime: 60_000,
  });
