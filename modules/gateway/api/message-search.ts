import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import Type from "typebox";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { toApiMessage } from "./messages.ts";
import { toApiUser } from "./present.ts";
import { answers, PageQuery, pageOf } from "./schemas.ts";

export function messageSearchRoutes({
  message,
  composer,
  urlsFor,
}: Pick<GatewayContext, "message" | "composer" | "urlsFor">): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      "/me/messages",
      {
        schema: {
          summary: "One's messages with a text in them, newest first",
          tags: ["messages"],
          querystring: Type.Object({
            ...PageQuery.properties,
            q: Type.String({ maxLength: 512, description: "2 to 64 characters." }),
          }),
          response: answers({ 200: pageOf("FoundMessage") }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const ownId = request.identity!.userId;
        const { q, cursor = "", limit } = request.query;
        const { messages, next } = await message.searchMessages({ text: q, before: cursor, limit }, call);
        const found = messages.map((one) => ({
          one,
          peerId: one.senderId === ownId ? one.receiverId : one.senderId,
        }));
        const ids = [...new Set(found.map(({ peerId }) => peerId))];
        const people = new Map((await composer.people(ids, call)).map((one) => [one.user.id, one]));
        const urls = urlsFor(request);
        const items = found.flatMap(({ one, peerId }) => {
          const peer = people.get(peerId);
          return peer ? [{ peer: toApiUser(peer, urls), message: toApiMessage(one, urls) }] : [];
        });
        return { items, nextCursor: next || null };
      },
    );
  };
}
