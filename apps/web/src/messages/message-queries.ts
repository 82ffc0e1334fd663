import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { type Api, take } from "../api/client.ts";
import type { ConversationPage, MessagePage } from "../api/types.ts";

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
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: ConversationPage) => page.nextCursor ?? undefined,
    staleTime: 0,
  });

/** The messages after one message, oldest first; without one, the latest messages. */
const fetchMessages = (
  api: Api,
  userId: string,
  edge: { before?: string | undefined; after?: string | undefined },
  signal?: AbortSignal,
) =>
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

/** From the newest page backwards; within a page the oldest message comes first. */
export const messagesQuery = (api: Api, userId: string) =>
  infiniteQueryOptions({
    queryKey: ["messages", userId],
    queryFn: ({ pageParam, signal }) => fetchMessages(api, userId, { before: pageParam }, signal),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (page: MessagePage) => page.nextCursor ?? undefined,
    staleTime: 0,
  });
