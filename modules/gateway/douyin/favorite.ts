import type { FastifyInstance } from "fastify";
import { Reaction } from "#contracts/gen/interaction_pb.ts";
import { callOf } from "../request-call.ts";
import type { Surface } from "../surface.ts";
import { endpoint, ok } from "./endpoint.ts";
import { oneOf, requiredId } from "./parameters.ts";
import { toClassicVideo, videoSchema } from "./present.ts";

/** The most videos that the list, which has no pages, shows. */
const maxListed = 100;

const actions = {
  "1": { change: "react", reaction: Reaction.LIKE },
  "2": { change: "withdraw", reaction: Reaction.LIKE },
  "3": { change: "react", reaction: Reaction.DISLIKE },
  "4": { change: "withdraw", reaction: Reaction.DISLIKE },
} as const;

export function favoriteEndpoints(app: FastifyInstance, surface: Surface): void {
  const { interaction, composer, urlsFor } = surface;

  endpoint(app, surface, {
    method: "POST",
    path: "/favorite/action",
    auth: "required",
    answer: {},
    async handle(parameters, request) {
      const videoId = requiredId(parameters, "video_id");
      const { change, reaction } = oneOf(parameters, "action_type", actions);
      await interaction[change]({ videoId, reaction }, callOf(request));
      return ok;
    },
  });
  endpoint(app, surface, {
    method: "GET",
    path: "/favorite/list",
    auth: "optional",
    answer: { video_list: { type: "array", items: videoSchema } },
    async handle(parameters, request) {
      const userId = requiredId(parameters, "user_id");
      const call = callOf(request);
      const { videoIds } = await interaction.listLiked({ userId, limit: maxListed }, call);
      const urls = urlsFor(request);
      const clips = await composer.clipsById(videoIds, call);
      return { ...ok, video_list: clips.map((clip) => toClassicVideo(clip, urls)) };
    },
  });
}
