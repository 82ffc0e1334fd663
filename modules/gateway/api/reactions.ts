import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyRequest } from "fastify";
import { Reaction } from "#contracts/gen/interaction_pb.ts";
import type { VideoView } from "../composition/video-views.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { toApiVideo } from "./present.ts";
import { answers, IdParams, NoContent, PageQuery, pageOf } from "./schemas.ts";

/** Liking, disliking, keeping, reposting, and lists of what is liked, kept and reposted. */
export function reactionRoutes({
  interaction,
  composer,
  urlsFor,
}: GatewayContext): FastifyPluginAsyncTypebox {
  const pageFor = (request: FastifyRequest, views: VideoView[], next: string) => {
    const urls = urlsFor(request);
    return { items: views.map((view) => toApiVideo(view, urls)), nextCursor: next || null };
  };
  return async (app) => {
    for (const [path, reaction] of [
      ["like", Reaction.LIKE],
      ["dislike", Reaction.DISLIKE],
    ] as const) {
      app.put(
        `/videos/:id/${path}`,
        {
          schema: {
            summary: `${path[0]!.toUpperCase()}${path.slice(1)} a video, in place of an earlier reaction`,
            ...(path === "dislike" && { description: "No feed shows it to the caller any more." }),
            tags: ["reactions"],
            params: IdParams,
            response: answers({ 204: NoContent }),
          },
        },
        async (request, reply) => {
          await interaction.react({ videoId: request.params.id, reaction }, callOf(request));
          return reply.code(204).send(null);
        },
      );
      app.delete(
        `/videos/:id/${path}`,
        {
          schema: {
            summary: `Withdraw one's ${path}; does nothing if there is none`,
            tags: ["reactions"],
            params: IdParams,
            response: answers({ 204: NoContent }),
          },
        },
        async (request, reply) => {
          await interaction.withdraw({ videoId: request.params.id, reaction }, callOf(request));
          return reply.code(204).send(null);
        },
      );
    }
    for (const [method, marked, path, summary] of [
      ["PUT", true, "bookmark", "Keep a video, to find it again in one's own bookmarks"],
      ["DELETE", false, "bookmark", "Keep a video no longer; does nothing if it is not kept"],
      ["PUT", true, "repost", "Repost somebody else's public video: it is shown on one's profile"],
      ["DELETE", false, "repost", "Withdraw one's repost; does nothing if there is none"],
    ] as const) {
      app.route({
        method,
        url: `/videos/:id/${path}`,
        schema: { summary, tags: ["reactions"], params: IdParams, response: answers({ 204: NoContent }) },
        handler: async (request, reply) => {
          const videoId = request.params.id;
          if (path === "bookmark") await interaction.setBookmark({ videoId, kept: marked }, callOf(request));
          else await interaction.setRepost({ videoId, reposted: marked }, callOf(request));
          return reply.code(204).send(null);
        },
      });
    }
    app.get(
      "/me/bookmarks",
      {
        schema: {
          summary: "Videos that one keeps, most recently kept first; nobody else sees them",
          description:
            "A page has fewer videos than `limit` when some are gone, or one may not see them now.",
          tags: ["reactions"],
          querystring: PageQuery,
          response: answers({ 200: pageOf("Video") }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const { cursor = "", limit } = request.query;
        const { videoIds, next } = await interaction.listBookmarks({ before: cursor, limit }, call);
        return pageFor(request, await composer.videoViewsById(videoIds, call), next);
      },
    );
    app.get(
      "/users/:id/reposts",
      {
        schema: {
          summary: "Videos that somebody reposts, most recently reposted first",
          description: "A page has fewer videos than `limit` when some are gone, or not public any more.",
          tags: ["reactions"],
          params: IdParams,
          querystring: PageQuery,
          response: answers({ 200: pageOf("Video") }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const { cursor = "", limit } = request.query;
        const userId = request.params.id;
        const [{ videoIds, next }] = await Promise.all([
          interaction.listReposts({ userId, before: cursor, limit }, call),
          composer.requirePerson(userId, call),
        ]);
        return pageFor(request, await composer.publicVideoViews(videoIds, call), next);
      },
    );
    app.get(
      "/users/:id/likes",
      {
        schema: {
          summary: "Videos that somebody likes, most recently liked first",
          description:
            "A page has fewer videos than `limit` when some were deleted a moment ago, or the caller may not see them.",
          tags: ["reactions"],
          params: IdParams,
          querystring: PageQuery,
          response: answers({ 200: pageOf("Video") }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const { cursor = "", limit } = request.query;
        const userId = request.params.id;
        const [{ videoIds, next }] = await Promise.all([
          interaction.listLiked({ userId, before: cursor, limit }, call),
          composer.requirePerson(userId, call),
        ]);
        return pageFor(request, await composer.likedVideoViews(videoIds, userId, call), next);
      },
    );
  };
}
