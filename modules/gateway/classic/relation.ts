import type { FastifyInstance } from "fastify";
import { refusal } from "#contracts/reasons.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { endpoint, ok } from "./endpoint.ts";
import { oneOf, requiredId } from "./parameters.ts";
import { toClassicUser, userSchema } from "./present.ts";

/** The most people in a list, which has no pages. */
const maxListed = 100;

const actions = {
  "1": {
    change: "follow",
    repeated: "ALREADY_FOLLOWED",
  },
  "2": {
    change: "unfollow",
    repeated: "NOT_FOLLOWED",
  },
} as const;

export function relationEndpoints(app: FastifyInstance, context: GatewayContext): void {
  const { relation, composer, urlsFor } = context;

  endpoint(app, context, {
    method: "POST",
    path: "/relation/action",
    answer: {},
    async handle(parameters, request) {
      const userId = requiredId(parameters, "to_user_id");
      const { change, repeated } = oneOf(parameters, "action_type", actions);
      const { changed } = await relation[change]({ userId }, callOf(request));
      if (!changed) throw refusal(repeated);
      return ok;
    },
  });
  for (const [path, list] of [
    ["/relation/follow/list", "listFollowing"],
    ["/relation/follower/list", "listFollowers"],
  ] as const) {
    endpoint(app, context, {
      method: "GET",
      path,
      answer: { user_list: { type: "array", items: userSchema } },
      async handle(parameters, request) {
        const userId = requiredId(parameters, "user_id");
        const call = callOf(request);
        const [{ userIds }] = await Promise.all([
          relation[list]({ userId, limit: maxListed }, call),
          composer.requirePerson(userId, call),
        ]);
        const urls = urlsFor(request);
        const people = await composer.people(userIds, call);
        return { ...ok, user_list: people.map((person) => toClassicUser(person, urls)) };
      },
    });
  }
}
