import type { FastifyInstance, FastifyRequest } from "fastify";
import type { Session } from "#contracts/gen/user_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { endpoint, ok } from "./endpoint.ts";
import { optionalId, type Parameters, text } from "./parameters.ts";
import { toClassicUser, userSchema } from "./present.ts";

export function userEndpoints(app: FastifyInstance, context: GatewayContext): void {
  const { user, composer, urlsFor } = context;
  const credentials = (parameters: Parameters, request: FastifyRequest) => ({
    username: text(parameters, "username"),
    password: text(parameters, "password"),
    userAgent: request.headers["user-agent"] ?? "",
    address: request.ip,
    classic: true,
  });
  const entered = (session: Session) => ({
    ...ok,
    user_id: BigInt(session.user!.id),
    token: session.accessToken,
  });
  const answer = { user_id: { type: "integer" }, token: { type: "string" } };

  endpoint(app, context, {
    method: "POST",
    path: "/user/register",
    answer,
    handle: async (parameters, request) =>
      entered(await user.register(credentials(parameters, request), callOf(request))),
  });
  endpoint(app, context, {
    method: "POST",
    path: "/user/login",
    answer,
    handle: async (parameters, request) =>
      entered(await user.logIn(credentials(parameters, request), callOf(request))),
  });
  endpoint(app, context, {
    method: "GET",
    path: "/user",
    answer: { user: userSchema },
    async handle(parameters, request) {
      const id = optionalId(parameters, "user_id") ?? request.identity!.userId;
      const [person] = await composer.people([id], callOf(request));
      if (!person) throw refusal("USER_NOT_FOUND");
      return { ...ok, user: toClassicUser(person, urlsFor(request)) };
    },
  });
}
