import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import Type from "typebox";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { toApiVideo } from "./present.ts";
import { answers, IdParams, NoContent, nullable, nullableText, PageQuery, Time } from "./schemas.ts";

/** What one has watched. */
export function historyRoutes({
  playback,
  plays,
  composer,
  urlsFor,
}: GatewayContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      "/history",
      {
        schema: {
          summary: "What one has watched, the latest first; nobody else sees it",
          description:
            "The newest 1,000 are kept. A page has fewer than `limit` when some are gone, or one may not see them now.",
          tags: ["history"],
          querystring: PageQuery,
          response: answers({
            200: Type.Object({
              items: Type.Array(
                Type.Object({
                  video: Type.Ref("Video"),
                  positionMs: Type.Integer({ description: "Where one stopped." }),
                  picture: nullable(
                    Type.Integer({ description: "Of a post of pictures: the `number` of a picture." }),
                  ),
                  ended: Type.Boolean({ description: "It was watched to its end." }),
                  watchedAt: Time,
                }),
              ),
              nextCursor: nullableText(Type.String()),
              paused: Type.Boolean({ description: "Nothing is recorded now." }),
            }),
          }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const { cursor = "", limit } = request.query;
        const { items, next, paused } = await playback.listHistory({ before: cursor, limit }, call);
        const views = await composer.videoViewsById(
          items.map(({ videoId }) => videoId),
          call,
        );
        const byId = new Map(views.map((view) => [view.video.id, view]));
        const urls = urlsFor(request);
        return {
          items: items.flatMap(({ videoId, positionMs, picture, ended, watchedAtMs }) => {
            const view = byId.get(videoId);
            if (!view) return [];
            const watchedAt = new Date(watchedAtMs).toISOString();
            return [
              { video: toApiVideo(view, urls), positionMs, picture: picture || null, ended, watchedAt },
            ];
          }),
          nextCursor: next || null,
          paused,
        };
      },
    );
    app.delete(
      "/history",
      {
        schema: {
          summary: "Remove all that one has watched from the history",
          tags: ["history"],
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        const call = callOf(request);
        await playback.deleteHistory({ videoId: "" }, call);
        plays.forget(call.callerId!);
        return reply.code(204).send(null);
      },
    );
    app.delete(
      "/history/:id",
      {
        schema: {
          summary: "Remove one video from the history; does nothing if it is not there",
          tags: ["history"],
          params: IdParams,
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        const call = callOf(request);
        await playback.deleteHistory({ videoId: request.params.id }, call);
        plays.forget(call.callerId!);
        return reply.code(204).send(null);
      },
    );
    app.put(
      "/history/recording",
      {
        schema: {
          summary: "Pause or go on recording what one watches",
          description: "While it is paused, what one watches counts as if a guest watched it.",
          tags: ["history"],
          body: Type.Object({ paused: Type.Boolean() }),
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        await playback.pauseHistory({ paused: request.body.paused }, callOf(request));
        return reply.code(204).send(null);
      },
    );
  };
}
