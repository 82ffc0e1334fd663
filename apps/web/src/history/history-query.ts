import { type InfiniteData, infiniteQueryOptions } from "@tanstack/react-query";
import { type Api, take } from "../api/client.ts";
import { pageOf, paging } from "../api/queries.ts";
import type { HistoryPage, VideoPage } from "../api/types.ts";

const PAGE = 30;
export const HISTORY = ["history"];

/** What the viewer has watched, the latest first. */
export const historyQuery = (api: Api) =>
  infiniteQueryOptions({
    queryKey: HISTORY,
    queryFn: ({ pageParam, signal }) => {
      const query = pageOf(PAGE, pageParam);
      return take(api.GET("/api/v1/history", { params: { query }, signal }));
    },
    ...paging,
  });

export const videosOf = ({ pages, ...rest }: InfiniteData<HistoryPage>): InfiniteData<VideoPage> => ({
  ...rest,
  pages: pages.map(({ items, nextCursor }) => ({ items: items.map(({ video }) => video), nextCursor })),
});
