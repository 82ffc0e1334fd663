import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import Type from "typebox";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { toApiUser } from "./present.ts";
import { answers } from "./schemas.ts";

/** Some of the ranked people are not shown: they are deleted, or there is a block. */
const spare = 2;

/** The ranking by followers won. */
export function hotUserRoutes({ relation, composer, urlsFor }: GatewayContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      "/hot-users",
      {
        schema: {
          summary: "Who has won the most followers in the last 24 hours, the most first",
          tags: ["follows"],
          querystring: Type.Object({ limit: Type.Integer({ minimum: 1, maximum: 50, default: 20 }) }),
          response: answers({
            200: Type.Object({
              items: Type.Array(Type.Object({ user: Type.Ref("User"), won: Type.Integer() })),
            }),
          }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const { limit } = request.query;
        const { users } = await relation.listHotUsers({ limit: spare * limit }, call);
        const wonBy = new Map(users.map(({ userId, won }) => [userId, won]));
        const people = await composer.unblockedPeople([...wonBy.keys()], call);
        const urls = urlsFor(request);
        return {
          items: people.slice(0, limit).map((person) => ({
            user: toApiUser(person, urls),
            won: wonBy.get(person.user.id)!,
          })),
        };
      },
    );
  };
}
