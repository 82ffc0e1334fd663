import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import Type from "typebox";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { toApiUser } from "./present.ts";
import { answers, Id, NoContent, PageQuery, pageOf } from "./schemas.ts";

const Params = Type.Object({ userId: Id, messageId: Id });
const ReactionParams = Type.Object({
  ...Params.properties,
  emoji: Type.String({ maxLength: 64, description: "One emoji." }),
});
const one = "/conversations/:userId/messages/:messageId";

/** What one can do with a message that is there. */
export function messageActRoutes({
  message,
  composer,
  urlsFor,
}: Pick<GatewayContext, "message" | "composer" | "urlsFor">): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.delete(
      one,
      {
        schema: {
          summary: "Remove a message for oneself; others see it as before",
          tags: ["messages"],
          params: Params,
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        const { userId: peerId, messageId } = request.params;
        await message.hideMessage({ peerId, messageId }, callOf(request));
        return reply.code(204).send(null);
      },
    );
    app.put(
      `${one}/recalled`,
      {
        schema: {
          summary: "Take a message of one's own back, for everybody, within 2 minutes",
          description: "Everybody sees that it was taken back; what it said is removed.",
          tags: ["messages"],
          params: Params,
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        const { userId: peerId, messageId } = request.params;
        await message.recallMessage({ peerId, messageId }, callOf(request));
        return reply.code(204).send(null);
      },
    );
    for (const [method, on, summary] of [
      ["PUT", true, "Put an emoji under a message: 3 of one's own at most, 20 kinds of all"],
      ["DELETE", false, "Take one's emoji away"],
    ] as const)
      app.route({
        method,
        url: `${one}/reactions/:emoji`,
        schema: {
          summary,
          tags: ["messages"],
          params: ReactionParams,
          response: answers({ 204: NoContent }),
        },
        handler: async (request, reply) => {
          const { userId: peerId, messageId, emoji } = request.params;
          await message.setReaction({ peerId, messageId, emoji, on }, callOf(request));
          return reply.code(204).send(null);
        },
      });
    app.get(
      `${one}/reactions`,
      {
        schema: {
          summary: "Who has put which emojis under a message, the first one first",
          tags: ["messages"],
          params: Params,
          querystring: PageQuery,
          response: answers({ 200: pageOf("MessageReaction") }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const { userId: peerId, messageId } = request.params;
        const { cursor = "", limit } = request.query;
        const asked = { peerId, messageId, after: cursor, limit };
        const { reactions, next } = await message.listReactions(asked, call);
        const ids = [...new Set(reactions.map(({ userId }) => userId))];
        const people = new Map((await composer.people(ids, call)).map((one) => [one.user.id, one]));
        const urls = urlsFor(request);
        const items = reactions.flatMap(({ userId, emoji }) => {
          const person = people.get(userId);
          return person ? [{ user: toApiUser(person, urls), emoji }] : [];
        });
        return { items, nextCursor: next || null };
      },
    );
  };
}
