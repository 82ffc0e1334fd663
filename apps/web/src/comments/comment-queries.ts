import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { type Api, take } from "../api/client.ts";
import { paging } from "../api/queries.ts";

export type CommentSort = "heat" | "time";

const COMMENTS_PAGE = 20;
const REPLIES_PAGE = 5;

export const commentsQuery = (api: Api, videoId: string, sort: CommentSort) =>
  infiniteQueryOptions({
    queryKey: ["comments", videoId, "list", sort],
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET("/api/v1/videos/{id}/comments", {
          params: {
            path: { id: videoId },
            query: { sort, limit: COMMENTS_PAGE, ...(pageParam && { cursor: pageParam }) },
          },
          signal,
        }),
      ),
    ...paging,
  });

/** One to which a link leads; it may be gone. */
export const namedQuery = (api: Api, videoId: string, commentId: string | null) =>
  queryOptions({
    queryKey: ["comments", videoId, "named", commentId],
    queryFn: ({ signal }) =>
      take(
        api.GET("/api/v1/videos/{id}/comments/{commentId}", {
          params: { path: { id: videoId, commentId: commentId ?? "" } },
          signal,
        }),
      ),
    enabled: commentId !== null,
  });

export const repliesQuery = (api: Api, videoId: string, commentId: string) =>
  infiniteQueryOptions({
    queryKey: ["comments", videoId, "replies", commentId],
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET("/api/v1/videos/{id}/comments/{commentId}/replies", {
          params: {
            path: { id: videoId, commentId },
            query: { limit: REPLIES_PAGE, ...(pageParam && { cursor: pageParam }) },
          },
          signal,
        }),
      ),
    ...paging,
  });
