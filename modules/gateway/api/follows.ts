import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { toApiUser } from "./present.ts";
import { answers, IdParams, NoContent, PageQuery, pageOf } from "./schemas.ts";

/** Following, and the lists of follows. */
export function followRoutes({ relation, composer, urlsFor }: GatewayContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    for (const [method, summary, change] of [
      ["PUT", "Follow somebody", "follow"],
      ["DELETE", "Follow somebody no longer", "unfollow"],
    ] as const) {
      app.route({
        method,
        url: "/users/:id/follow",
        schema: { summary, tags: ["follows"], params: IdParams, response: answers({ 204: NoContent }) },
        handler: async (request, reply) => {
          await relation[change]({ userId: request.params.id }, callOf(request));
          return reply.code(204).send(null);
        },
      });
    }
    for (const [path, summary, list] of [
      ["following", "The people somebody follows, newest first", "listFollowing"],
      ["followers", "Who follows somebody, the newest first", "listFollowers"],
      ["friends", "The people somebody follows who follow back, newest first", "listFriends"],
    ] as const) {
      app.get(
        `/users/:id/${path}`,
        {
          schema: {
            summary,
            tags: ["follows"],
            params: IdParams,
            querystring: PageQuery,
            response: answers({ 200: pageOf("User") }),
          },
        },
        async (request) => {
          const call = callOf(request);
          const { cursor = "", limit } = request.query;
          const userId = request.params.id;
          const [{ userIds, next }] = await Promise.all([
            relation[list]({ userId, before: cursor, limit }, call),
            composer.requirePerson(userId, call),
          ]);
          const urls = urlsFor(request);
          const people = await composer.people(userIds, call);
          return { items: people.map((person) => toApiUser(person, urls)), nextCursor: next || null };
        },
      );
    }
  };
}
