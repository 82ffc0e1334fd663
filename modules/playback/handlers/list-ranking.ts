import { type PlaybackService, Ranking, RankingWindow } from "#contracts/gen/playback_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { StoreFor } from "#platform/db/database.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { ListName, RankingStore } from "../ranking-store.ts";
import { maxRanked } from "../rules.ts";

const viewed: Record<RankingWindow, ListName | undefined> = {
  [RankingWindow.UNSPECIFIED]: undefined,
  [RankingWindow.DAY]: "viewed 24h",
  [RankingWindow.WEEK]: "viewed 7d",
  [RankingWindow.ALL]: "viewed all",
};
/** What is hot is so now, whichever window is asked for. */
const hot: typeof viewed = {
  [RankingWindow.UNSPECIFIED]: undefined,
  [RankingWindow.DAY]: "hot",
  [RankingWindow.WEEK]: "hot",
  [RankingWindow.ALL]: "hot",
};
const lists: Record<Ranking, typeof viewed | undefined> = {
  [Ranking.UNSPECIFIED]: undefined,
  [Ranking.HOT]: hot,
  [Ranking.VIEWED]: viewed,
};

export function listRanking(
  store: StoreFor<Pick<RankingStore, "top">>,
): Handlers<typeof PlaybackService>["listRanking"] {
  return async ({ ranking, window, limit }, call) => {
    const name = lists[ranking]?.[window];
    if (!name) throw refusal("INVALID_ARGUMENT", "ranking, window: say which.");
    const found = await store(call).top(name, Math.min(limit, maxRanked));
    return { videos: found.map(({ id, count }) => ({ videoId: id, count })) };
  };
}
