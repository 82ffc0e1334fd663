import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import type { FeedTab } from "../settings/preferences.ts";
import { type Api, take } from "./client.ts";

const FEED_PAGE = 10;
const GRID_PAGE = 24;
const PEOPLE_PAGE = 30;

/** Pages with a cursor to the next. */
/** Pages by cursor, of every list. */
export const paging = {
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page: { nextCursor: string | null }) => page.nextCursor ?? undefined,
};
export const pageOf = (limit: number, cursor: string | undefined) => ({ limit, ...(cursor && { cursor }) });

/** The feed does not change under the viewer: it is reloaded only on request. */
export const feedQuery = (api: Api, kind: FeedTab) =>
  infiniteQueryOptions({
    queryKey: ["feed", kind],
    queryFn: ({ pageParam, signal }) => {
      const options = { params: { query: pageOf(FEED_PAGE, pageParam) }, signal };
      return take(
        kind === "public" ? api.GET("/api/v1/feed", options) : api.GET("/api/v1/feed/following", options),
      );
    },
    staleTime: Number.POSITIVE_INFINITY,
    ...paging,
  });

export const videoQuery = (api: Api, id: string) =>
  queryOptions({
    queryKey: ["video", id],
    queryFn: ({ signal }) => take(api.GET("/api/v1/videos/{id}", { params: { path: { id } }, signal })),
  });

/** The video to which a shared link leads. */
export const sharedVideoQuery = (api: Api, code: string) =>
  queryOptions({
    queryKey: ["shared", code],
    queryFn: ({ signal }) => take(api.GET("/api/v1/shares/{code}", { params: { path: { code } }, signal })),
  });

export const userQuery = (api: Api, id: string) =>
  queryOptions({
    queryKey: ["user", id],
    queryFn: ({ signal }) => take(api.GET("/api/v1/users/{id}", { params: { path: { id } }, signal })),
  });

export const userVideosQuery = (api: Api, id: string) =>
  infiniteQueryOptions({
    queryKey: ["user", id, "videos"],
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET("/api/v1/users/{id}/videos", {
          params: { path: { id }, query: pageOf(GRID_PAGE, pageParam) },
          signal,
        }),
      ),
    ...paging,
  });

export const userLikesQuery = (api: Api, id: string) =>
  infiniteQueryOptions({
    queryKey: ["user", id, "likes"],
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET("/api/v1/users/{id}/likes", {
          params: { path: { id }, query: pageOf(GRID_PAGE, pageParam) },
          signal,
        }),
      ),
    ...paging,
  });

export const repostsKey = (userId: string) => ["user", userId, "reposts"];

export const repostsQuery = (api: Api, id: string) =>
  infiniteQueryOptions({
    queryKey: repostsKey(id),
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET("/api/v1/users/{id}/reposts", {
          params: { path: { id }, query: pageOf(GRID_PAGE, pageParam) },
          signal,
        }),
      ),
    ...paging,
  });

/** Of what the viewer keeps. */
export const BOOKMARKS = ["me", "bookmarks"];

export const bookmarksQuery = (api: Api) =>
  infiniteQueryOptions({
    queryKey: BOOKMARKS,
    queryFn: ({ pageParam, signal }) =>
      take(api.GET("/api/v1/me/bookmarks", { params: { query: pageOf(GRID_PAGE, pageParam) }, signal })),
    ...paging,
  });

export type PeopleList = "following" | "followers" | "friends";

export const peopleQuery = (api: Api, id: string, list: PeopleList) =>
  infiniteQueryOptions({
    queryKey: ["people", id, list],
    queryFn: ({ pageParam, signal }) => {
      const options = { params: { path: { id }, query: pageOf(PEOPLE_PAGE, pageParam) }, signal };
      if (list === "following") return take(api.GET("/api/v1/users/{id}/following", options));
      if (list === "followers") return take(api.GET("/api/v1/users/{id}/followers", options));
      return take(api.GET("/api/v1/users/{id}/friends", options));
    },
    ...paging,
  });

export const blocksQuery = (api: Api) =>
  infiniteQueryOptions({
    queryKey: ["blocks"],
    queryFn: ({ pageParam, signal }) =>
      take(api.GET("/api/v1/me/blocks", { params: { query: pageOf(PEOPLE_PAGE, pageParam) }, signal })),
    ...paging,
  });

export const myVideosQuery = (api: Api) =>
  infiniteQueryOptions({
    queryKey: ["me", "videos"],
    queryFn: ({ pageParam, signal }) =>
      take(api.GET("/api/v1/me/videos", { params: { query: pageOf(GRID_PAGE, pageParam) }, signal })),
    ...paging,
  });

export const meQuery = (api: Api) =>
  queryOptions({ queryKey: ["me"], queryFn: ({ signal }) => take(api.GET("/api/v1/me", { signal })) });
