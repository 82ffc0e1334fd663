import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import Type from "typebox";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { conversationOf } from "./message-parts.ts";
import { peopleById } from "./people-by-id.ts";
import { toApiGroup, toApiMessage } from "./present.ts";
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
          description: "With people, and in the 100 groups in which something was said last.",
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
        const groupIds = messages.flatMap(({ inGroup, receiverId }) => (inGroup ? [receiverId] : []));
        const { groups } =
          groupIds.length > 0
            ? await message.getGroups({ ids: [...new Set(groupIds)] }, call)
            : { groups: [] };
        const groupOf = new Map(groups.map((group) => [group.id, group]));
        const ids = messages.flatMap((one) => [
          one.senderId,
          ...(one.inGroup ? [] : [conversationOf(one, ownId)]),
        ]);
        const faceIds = groups.flatMap((group) => group.faceIds);
        const urls = urlsFor(request);
        const people = await peopleById(composer, [...new Set([...ids, ...faceIds])], urls, call);
        const items = messages.flatMap((one) => {
          const conversationId = conversationOf(one, ownId);
          const [sender, peer] = [people.get(one.senderId), people.get(conversationId) ?? null];
          const group = groupOf.get(conversationId);
          if (!sender || (!peer && !group)) return [];
          const found = { conversationId, sender, message: toApiMessage(one, urls) };
          return [{ ...found, peer, group: group ? toApiGroup(group, people) : null }];
        });
        return { items, nextCursor: next || null };
      },
    );
  };
}
