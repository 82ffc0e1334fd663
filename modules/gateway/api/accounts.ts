import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyReply, FastifyRequest } from "fastify";
import Type from "typebox";
import type { Session } from "#contracts/gen/user_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { deviceOf } from "../edge/device-cookie.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { toApiUser, toTime } from "./present.ts";
import { answers, IdParams, NoContent } from "./schemas.ts";

// The service checks lengths, in Unicode characters; these only bound the work.
const Credentials = Type.Object({
  username: Type.String({
    maxLength: 256,
    description: "1 to 32 characters; unique without regard to case.",
  }),
  password: Type.String({
    maxLength: 1024,
    description: "A new one has 8 to 128 characters and is neither one of the commonest nor like a name.",
  }),
});

/** Registering, logging in and out, and the sessions of a person. */
export function accountRoutes({
  user,
  auth,
  composer,
  urlsFor,
  cookie,
  publicUrl,
}: GatewayContext): FastifyPluginAsyncTypebox {
  const answer = async (session: Session, request: FastifyRequest, reply: FastifyReply) => {
    const inCookie = cookie.wanted(request);
    if (inCookie) cookie.keep(request, reply, session);
    return {
      user: toApiUser(await composer.person(session.user!, callOf(request)), urlsFor(request)),
      accessToken: session.accessToken,
      accessTokenExpiresAt: toTime(session.accessTokenExpiresAtMs),
      refreshToken: inCookie ? "" : session.refreshToken,
    };
  };
  const device = (request: FastifyRequest, reply: FastifyReply) => ({
    device: deviceOf(request, reply, publicUrl),
    userAgent: request.headers["user-agent"] ?? "",
    address: request.ip,
    classic: false,
  });

  return async (app) => {
    app.post(
      "/users",
      {
        schema: {
          summary: "Register",
          tags: ["accounts"],
          body: Credentials,
          response: answers({ 201: Type.Ref("Session") }),
        },
      },
      async (request, reply) => {
        cookie.wanted(request);
        const session = await user.register({ ...request.body, ...device(request, reply) }, callOf(request));
        return reply.code(201).send(await answer(session, request, reply));
      },
    );
    app.post(
      "/sessions",
      {
        schema: {
          summary: "Log in",
          tags: ["accounts"],
          body: Credentials,
          response: answers({ 201: Type.Ref("Session") }),
        },
      },
      async (request, reply) => {
        cookie.wanted(request);
        const session = await user.logIn({ ...request.body, ...device(request, reply) }, callOf(request));
        return reply.code(201).send(await answer(session, request, reply));
      },
    );
    app.post(
      "/sessions/refresh",
      {
        schema: {
          summary: "Swap a refresh token for new tokens",
          description:
            "With the header `douya-session: cookie`, which only pages of this site can send, the token may be left out: " +
            "it comes and goes in a cookie that no script sees, and `refreshToken` is empty in the answer. " +
            "Registering and logging in with that header begin such a session.",
          tags: ["accounts"],
          body: Type.Object({ refreshToken: Type.Optional(Type.String({ maxLength: 200 })) }),
          response: answers({ 200: Type.Ref("Session") }),
        },
      },
      async (request, reply) => {
        const inCookie = cookie.wanted(request);
        const refreshToken =
          request.body.refreshToken ?? (inCookie ? (cookie.read(request) ?? "") : undefined);
        if (refreshToken === undefined) throw refusal("INVALID_ARGUMENT", "refreshToken: must be given.");
        return answer(await user.refresh({ refreshToken }, callOf(request)), request, reply);
      },
    );
    app.get(
      "/sessions",
      {
        schema: {
          summary: "The devices that are logged in",
          tags: ["accounts"],
          response: answers({ 200: Type.Object({ items: Type.Array(Type.Ref("Device")) }) }),
        },
      },
      async (request) => {
        const { devices } = await user.listSessions({}, callOf(request));
        return {
          items: devices.map((entry) => ({
            id: entry.sessionId,
            current: entry.sessionId === request.identity!.sessionId,
            userAgent: entry.userAgent,
            createdAt: toTime(entry.createdAtMs),
            lastUsedAt: toTime(entry.lastUsedAtMs),
          })),
        };
      },
    );
    const end = async (request: FastifyRequest, sessionId: string) => {
      await user.endSessions({ sessionId }, callOf(request));
      auth.forget(request.identity!.userId);
    };
    app.delete(
      "/sessions/current",
      { schema: { summary: "Log out", tags: ["accounts"], response: answers({ 204: NoContent }) } },
      async (request, reply) => {
        await end(request, request.identity!.sessionId);
        cookie.forget(request, reply);
        return reply.code(204).send(null);
      },
    );
    app.delete(
      "/sessions/:id",
      {
        schema: {
          summary: "End the session of one device",
          tags: ["accounts"],
          params: IdParams,
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        await end(request, request.params.id);
        return reply.code(204).send(null);
      },
    );
    app.delete(
      "/sessions",
      {
        schema: { summary: "Log out everywhere", tags: ["accounts"], response: answers({ 204: NoContent }) },
      },
      async (request, reply) => {
        await end(request, "");
        cookie.forget(request, reply);
        return reply.code(204).send(null);
      },
    );
    app.put(
      "/me/password",
      {
        schema: {
          summary: "Change the password; every other session ends",
          tags: ["accounts"],
          body: Type.Object({
            currentPassword: Type.String({ maxLength: 1024 }),
            newPassword: Type.String({ maxLength: 1024, description: "As when registering." }),
          }),
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        const { userId, sessionId } = request.identity!;
        await user.changePassword({ ...request.body, sessionId }, callOf(request));
        auth.forget(userId);
        return reply.code(204).send(null);
      },
    );
  };
}
