import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import Type from "typebox";
import { pictureOf } from "#contracts/picture-number.ts";
import { refusal } from "#contracts/reasons.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { toApiVideo } from "./present.ts";
import { answers, IdParams } from "./schemas.ts";

const SharedPicture = Type.Integer({ minimum: 1, maximum: 35, description: "The `number` of a picture." });

/** Links to videos that people give to others. */
export function shareRoutes({ interaction, composer, urlsFor }: GatewayContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.post(
      "/videos/:id/shares",
      {
        schema: {
          summary: "Share a video: a link to give to others",
          description:
            "The page is `/s/{code}`. Counted once for each person and day; asking again on the same day (UTC) gives the " +
            "same code. It leads to the video for those who may see it, as long as they may. Each picture of a post has a code " +
            "of its own, which opens the post there, wherever it is moved, and at the first once it is removed; sharing some " +
            "of them counts as sharing the post.",
          tags: ["shares"],
          params: IdParams,
          querystring: Type.Object({ picture: Type.Optional(SharedPicture) }),
          response: answers({
            201: Type.Object({
              code: Type.String({ description: "10 letters and digits." }),
              url: Type.String({ description: "Of the page." }),
            }),
          }),
        },
      },
      async (request, reply) => {
        const { code } = await interaction.shareVideo(
          { videoId: request.params.id, picture: request.query.picture ?? 0 },
          callOf(request),
        );
        return reply.code(201).send({ code, url: `${urlsFor(request).origin}/s/${code}` });
      },
    );
    app.get(
      "/shares/:code",
      {
        schema: {
          summary: "The video to which a shared link leads",
          tags: ["shares"],
          params: Type.Object({ code: Type.String({ maxLength: 100 }) }),
          response: answers({ 200: Type.Ref("Video") }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const { videoId, picture } = await interaction.resolveShare({ code: request.params.code }, call);
        const [view] = videoId ? await composer.videoViewsById([videoId], call) : [];
        if (!view) throw refusal("VIDEO_NOT_FOUND");
        const isThere = pictureOf(view.video.pictures, picture) !== undefined;
        return { ...toApiVideo(view, urlsFor(request)), ...(isThere && { sharedPicture: picture }) };
      },
    );
  };
}
