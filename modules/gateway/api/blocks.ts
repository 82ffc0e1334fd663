import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { toApiUser } from "./present.ts";
import { answers, IdParams, NoContent, PageQuery, pageOf } from "./schemas.ts";

/** Blocking people. */
export function blockRoutes({ relation, composer, urlsFor }: GatewayContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    for (const [method, summary, change] of [
      ["PUT", "Block somebody", "block"],
      ["DELETE", "Block somebody no longer", "unblock"],
    ] as const) {
      app.route({
        method,
        url: "/users/:id/block",
        schema: {
          summary,
          description:
            "Blocking ends the follows between the two. While it stands neither can follow or write to the other, the " +
            "blocked one cannot comment on the other's videos, and neither sees the other in feeds and comments.",
          tags: ["blocks"],
          params: IdParams,
          response: answers({ 204: NoContent }),
        },
        handler: async (request, reply) => {
          await relation[change]({ userId: request.params.id }, callOf(request));
          return reply.code(204).send(null);
        },
      });
    }
    app.get(
      "/me/blocks",
      {
        schema: {
          summary: "The people one blocks, newest first",
          tags: ["blocks"],
          querystring: PageQuery,
          response: answers({ 200: pageOf("User") }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const { cursor = "", limit } = request.query;
        const { userIds, next } = await relation.listBlocked({ before: cursor, limit }, call);
        const urls = urlsFor(request);
        const people = await composer.people(userIds, call);
        return { items: people.map((person) => toApiUser(person, urls)), nextCursor: next || null };
      },
    );
  };
}
