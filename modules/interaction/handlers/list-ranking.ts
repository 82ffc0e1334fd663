import { type InteractionService, Ranking, RankingWindow } from "#contracts/gen/interaction_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import type { StoreFor } from "#platform/db/database.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { RankingName, RankingStore, WindowName } from "../ranking-store.ts";
import { maxRanked } from "../rules.ts";

const names: Record<Ranking, RankingName | undefined> = {
  [Ranking.UNSPECIFIED]: undefined,
  [Ranking.SHARED]: "shared",
  [Ranking.DOWNLOADED]: "downloaded",
};
const windows: Record<RankingWindow, WindowName | undefined> = {
  [RankingWindow.UNSPECIFIED]: undefined,
  [RankingWindow.DAY]: "24h",
  [RankingWindow.WEEK]: "7d",
  [RankingWindow.ALL]: "all",
};

export function listRanking(
  store: StoreFor<RankingStore>,
): Handlers<typeof InteractionService>["listRanking"] {
  return async ({ ranking, window, limit }, call) => {
    const [name, span] = [names[ranking], windows[window]];
    if (!name || !span) throw refusal("INVALID_ARGUMENT", "ranking, window: say which.");
    return { videos: await store(call).top(name, span, Math.min(limit, maxRanked)) };
  };
}
