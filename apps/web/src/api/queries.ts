import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { type Api, take } from "./client.ts";
import type { VideoPage } from "./types.ts";

const FEED_PAGE = 10;
const GRID_PAGE = 24;
const paging = {
  initialPageParam: undefined as string | undefined,
  getNextPageParam: (page: VideoPage) => page.nextCursor ?? undefined,
};

/** The feed does not change under the viewer: it is read anew only when asked for. */
export const feedQuery = (api: Api) =>
  infiniteQueryOptions({
    queryKey: ["feed"],
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET("/api/v1/feed", {
          params: { query: { limit: FEED_PAGE, ...(pageParam && { cursor: pageParam }) } },
          signal,
        }),
      ),
    staleTime: Number.POSITIVE_INFINITY,
    ...paging,
  });

export const videoQuery = (api: Api, id: string) =>
  queryOptions({
    queryKey: ["video", id],
    queryFn: ({ signal }) => take(api.GET("/api/v1/videos/{id}", { params: { path: { id } }, signal })),
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
          params: { path: { id }, query: { limit: GRID_PAGE, ...(pageParam && { cursor: pageParam }) } },
          signal,
        }),
      ),
    ...paging,
  });

export const myVideosQuery = (api: Api) =>
  infiniteQueryOptions({
    queryKey: ["me", "videos"],
    queryFn: ({ pageParam, signal }) =>
      take(
        api.GET("/api/v1/me/videos", {
          params: { query: { limit: GRID_PAGE, ...(pageParam && { cursor: pageParam }) } },
          signal,
        }),
      ),
    ...paging,
  });

export const meQuery = (api: Api) =>
  queryOptions({ queryKey: ["me"], queryFn: ({ signal }) => take(api.GET("/api/v1/me", { signal })) });

export const devicesQuery = (api: Api) =>
  queryOptions({
    queryKey: ["devices"],
    queryFn: ({ signal }) => take(api.GET("/api/v1/sessions", { signal })),
  });
