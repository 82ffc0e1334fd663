import type { FastifyInstance } from "fastify";
import { Reaction } from "#contracts/gen/interaction_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { endpoint, ok } from "./endpoint.ts";
import { oneOf, requiredId } from "./parameters.ts";
import { toClassicVideos, videoSchema } from "./present.ts";

/** The most videos in the list, which has no pages. */
const maxListed = 100;

const actions = {
  "1": {
    change: "react",
    reaction: Reaction.LIKE,
    repeated: "ALREADY_LIKED",
  },
  "2": {
    change: "withdraw",
    reaction: Reaction.LIKE,
    repeated: "NOT_LIKED",
  },
  "3": {
    change: "react",
    reaction: Reaction.DISLIKE,
    repeated: "ALREADY_DISLIKED",
  },
  "4": {
    change: "withdraw",
    reaction: Reaction.DISLIKE,
    repeated: "NOT_DISLIKED",
  },
} as const;

export function favoriteEndpoints(app: FastifyInstance, context: GatewayContext): void {
  const { interaction, composer, urlsFor } = context;

  endpoint(app, context, {
    method: "POST",
    path: "/favorite/action",
    answer: {},
    async handle(parameters, request) {
      const videoId = requiredId(parameters, "video_id");
      const { change, reaction, repeated } = oneOf(parameters, "action_type", actions);
      const { changed } = await interaction[change]({ videoId, reaction }, callOf(request));
      if (!changed) throw refusal(repeated);
      return ok;
    },
  });
  endpoint(app, context, {
    method: "GET",
    path: "/favorite/list",
    answer: { video_list: { type: "array", items: videoSchema } },
    async handle(parameters, request) {
      const userId = requiredId(parameters, "user_id");
      const call = callOf(request);
      const [{ videoIds }] = await Promise.all([
        interaction.listLiked({ userId, limit: maxListed }, call),
        composer.requirePerson(userId, call),
      ]);
      const urls = urlsFor(request);
      const views = await composer.likedVideoViews(videoIds, userId, call);
      return { ...ok, video_list: toClassicVideos(views, urls) };
    },
  });
}
