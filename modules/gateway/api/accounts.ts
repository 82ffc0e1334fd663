import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyRequest } from "fastify";
import Type from "typebox";
import type { Session } from "#contracts/gen/user_pb.ts";
import type { MediaUrls } from "../media-urls.ts";
import { callOf } from "../request-call.ts";
import type { Surface } from "../surface.ts";
import { toApiUser, toTime } from "./present.ts";
import { answers, IdParams, NoContent } from "./schemas.ts";

// Lengths are the service's to judge, in characters as people count them; these only bound the work.
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

/** Registering, logging in and out, and the devices that are logged in. */
export function accountRoutes({ user, auth, composer, urlsFor }: Surface): FastifyPluginAsyncTypebox {
  const answer = async (session: Session, request: FastifyRequest, urls: MediaUrls) => ({
    user: toApiUser(await composer.person(session.user!, callOf(request)), urls),
    accessToken: session.accessToken,
    accessTokenExpiresAt: toTime(session.accessTokenExpiresAtMs),
    refreshToken: session.refreshToken,
  });
  const device = (request: FastifyRequest) => ({
    userAgent: request.headers["user-agent"] ?? "",
    address: request.ip,
    classic: false,
  });

  return async (app) => {
    app.post(
      "/users",
      {
        config: { auth: "none" },
        schema: {
          summary: "Register",
          tags: ["accounts"],
          body: Credentials,
          response: answers({ 201: Type.Ref("Session") }),
        },
      },
      async (request, reply) => {
        const session = await user.register({ ...request.body, ...device(request) }, callOf(request));
        return reply.code(201).send(await answer(session, request, urlsFor(request)));
      },
    );
    app.post(
      "/sessions",
      {
        config: { auth: "none" },
        schema: {
          summary: "Log in",
          tags: ["accounts"],
          body: Credentials,
          response: answers({ 201: Type.Ref("Session") }),
        },
      },
      async (request, reply) => {
        const session = await user.logIn({ ...request.body, ...device(request) }, callOf(request));
        return reply.code(201).send(await answer(session, request, urlsFor(request)));
      },
    );
    app.post(
      "/sessions/refresh",
      {
        config: { auth: "none" },
        schema: {
          summary: "Swap a refresh token for new tokens",
          tags: ["accounts"],
          body: Type.Object({ refreshToken: Type.String({ maxLength: 200 }) }),
          response: answers({ 200: Type.Ref("Session") }),
        },
      },
      async (request) => answer(await user.refresh(request.body, callOf(request)), request, urlsFor(request)),
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
