import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import Type from "typebox";
import { refusal } from "#contracts/reasons.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { ApiPresence } from "../realtime/frames.ts";
import { maxSubscribed } from "../realtime/max-subscribed.ts";
import { toApiPresence } from "../realtime/subscriptions.ts";
import { answers, NoContent } from "./schemas.ts";

const Hidden = Type.Object({ hidden: Type.Boolean() });

/** Who is here, for those who have no connection on which they are told. */
export function presenceRoutes({
  message,
  hubs: { presence },
}: Pick<GatewayContext, "message" | "hubs">): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      "/presence",
      {
        schema: {
          summary: "Whether people are here, or when they were",
          description:
            "Of friends, and of people with whom messages went both ways; not of those with whom there is a block, and of " +
            "nobody while one hides one's own. Others are left out. Who has a connection subscribes to it there.",
          tags: ["messages"],
          querystring: Type.Object({
            userIds: Type.String({
              pattern: "^[1-9][0-9]{0,18}(,[1-9][0-9]{0,18})*$",
              maxLength: 20 * maxSubscribed.people,
              description: `Up to ${maxSubscribed.people} ids, with commas between them.`,
            }),
          }),
          response: answers({ 200: Type.Object({ people: Type.Array(ApiPresence) }) }),
        },
      },
      async (request) => {
        const ids = request.query.userIds.split(",");
        if (ids.length > maxSubscribed.people)
          throw refusal("INVALID_ARGUMENT", `userIds: ask for ${maxSubscribed.people} at most.`);
        const people = await presence.see(request.identity!.userId, ids, callOf(request));
        return { people: people.map(toApiPresence) };
      },
    );
    app.get(
      "/me/presence",
      {
        schema: {
          summary: "Whether one hides when one is here",
          tags: ["messages"],
          response: answers({ 200: Hidden }),
        },
      },
      async (request) => {
        const { userId } = request.identity!;
        const { userIds } = await message.findHidden({ userIds: [userId] }, callOf(request));
        return { hidden: userIds.length > 0 };
      },
    );
    app.put(
      "/me/presence",
      {
        schema: {
          summary: "Hide when one is here, and was; or show it again",
          description:
            "Who hides it does not see it of others either, and nobody is told that they are writing.",
          tags: ["messages"],
          body: Hidden,
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        const { hidden } = request.body;
        await message.hidePresence({ hidden }, callOf(request));
        presence.settingsChanged(request.identity!.userId);
        return reply.code(204).send(null);
      },
    );
  };
}
