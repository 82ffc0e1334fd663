import { type InfiniteData, infiniteQueryOptions } from "@tanstack/react-query";
import { type Api, take } from "../api/client.ts";
import type { Ranking, RankingPage, VideoPage } from "../api/types.ts";

const LIMIT = 50;
export const rankings = ["hot", "viewed", "shared", "downloaded"] as const satisfies readonly Ranking[];
export const rankingWindows = ["24h", "7d", "all"] as const;
export type RankingWindow = (typeof rankingWindows)[number];

/** The public videos of which people do most, and how much; there is one page. */
export const rankingQuery = (api: Api, ranking: Ranking, window: RankingWindow) =>
  infiniteQueryOptions({
    queryKey: ["ranking", ranking, window],
    queryFn: ({ signal }) => {
      const params = { path: { ranking }, query: { window, limit: LIMIT } };
      return take(api.GET("/api/v1/rankings/{ranking}", { params, signal }));
    },
    initialPageParam: undefined as string | undefined,
    getNextPageParam: () => undefined,
  });

/** How a ranking is called in an address. */
export const nameOf = (ranking: Ranking, window: RankingWindow) => `${ranking}.${window}`;

/** The videos of the ranking of this name, as they were found: what is watched changes it. Of no ranking, hot ones. */
export function rankedVideosQuery(api: Api, name: string) {
  const [what, when] = name.split(".");
  const ranking = rankings.find((one) => one === what) ?? "hot";
  const window = rankingWindows.find((one) => one === when) ?? "24h";
  return { ...rankingQuery(api, ranking, window), staleTime: Number.POSITIVE_INFINITY, select: videosOf };
}

const videosOf = ({ pages, ...rest }: InfiniteData<RankingPage>): InfiniteData<VideoPage> => ({
  ...rest,
  pages: pages.map(({ items }) => ({ items: items.map(({ video }) => video), nextCursor: null })),
});
