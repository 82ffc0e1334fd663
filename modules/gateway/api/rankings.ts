import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import Type from "typebox";
import { Ranking, RankingWindow } from "#contracts/gen/interaction_pb.ts";
import { Ranking as Played } from "#contracts/gen/playback_pb.ts";
import { callOf, type PublicCall } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { toApiVideo } from "./present.ts";
import { answers } from "./schemas.ts";

const windows = { "24h": RankingWindow.DAY, "7d": RankingWindow.WEEK, all: RankingWindow.ALL } as const;
const oneOf = <Name extends string>(of: Record<Name, unknown>, more: object = {}) =>
  Type.Unsafe<Name>({ type: "string", enum: Object.keys(of), ...more });
/** Some of the ranked videos are not shown: they are not public, or there is a block. So many for each that is wanted. */
const spare = 2;
/** Where that is not enough, so many are gone through, in steps. */
const longest = 1000;
const step = 100;

/** Videos by what people do with them. */
export function rankingRoutes({
  interaction,
  playback,
  composer,
  urlsFor,
}: GatewayContext): FastifyPluginAsyncTypebox {
  const ofInteraction = (ranking: Ranking) => (window: RankingWindow, limit: number, call: PublicCall) =>
    interaction.listRanking({ ranking, window, limit }, call);
  const ofPlayback = (ranking: Played) => (window: RankingWindow, limit: number, call: PublicCall) =>
    playback.listRanking({ ranking, window, limit }, call);
  const list = {
    hot: ofPlayback(Played.HOT),
    viewed: ofPlayback(Played.VIEWED),
    shared: ofInteraction(Ranking.SHARED),
    downloaded: ofInteraction(Ranking.DOWNLOADED),
  };
  return async (app) => {
    app.get(
      "/rankings/:ranking",
      {
        schema: {
          summary: "Public videos that are hot, or were viewed, shared or saved most, the most first",
          description:
            "The last 24 hours to the minute, the last 7 days to the hour, or of all time. Hot is always of the last 24 hours: " +
            "views, plays to the end, likes and shares, of which the last hour and the last six count more.",
          tags: ["rankings"],
          params: Type.Object({ ranking: oneOf(list) }),
          querystring: Type.Object({
            window: oneOf(windows, { default: "24h" }),
            limit: Type.Integer({ minimum: 1, maximum: 50, default: 20 }),
          }),
          response: answers({
            200: Type.Object({
              items: Type.Array(Type.Object({ video: Type.Ref("Video"), count: Type.Integer() })),
            }),
          }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const { window, limit } = request.query;
        const first = async (limit: number) =>
          (await list[request.params.ranking](windows[window], limit, call)).videos;
        let ranked = await first(spare * limit);
        const views = await composer.publicVideoViews(
          ranked.map(({ videoId }) => videoId),
          call,
        );
        if (views.length < limit && ranked.length === spare * limit) {
          const seen = new Set(ranked.map(({ videoId }) => videoId));
          ranked = await first(longest);
          const more = ranked.map(({ videoId }) => videoId).filter((id) => !seen.has(id));
          for (let i = 0; i < more.length && views.length < limit; i += step)
            views.push(...(await composer.publicVideoViews(more.slice(i, i + step), call)));
        }
        const counts = new Map(ranked.map(({ videoId, count }) => [videoId, count]));
        const urls = urlsFor(request);
        return {
          items: views.slice(0, limit).flatMap((view) => {
            const count = counts.get(view.video.id);
            return count === undefined ? [] : [{ video: toApiVideo(view, urls), count }];
          }),
        };
      },
    );
  };
}
