import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyRequest } from "fastify";
import Type from "typebox";
import { Picture, type User } from "#contracts/gen/user_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { fileOf } from "./file-body.ts";
import { fromCursor, nextCursor, toApiUser, toApiVideo, toTime } from "./present.ts";
import { answers, IdParams, PageQuery, pageOf } from "./schemas.ts";

/** Profiles of people, and one's own. */
export function profileRoutes({
  user,
  auth,
  hubs,
  cookie,
  video,
  composer,
  intake,
  urlsFor,
}: GatewayContext): FastifyPluginAsyncTypebox {
  const answer = async (changed: User, request: FastifyRequest) =>
    toApiUser(await composer.person(changed, callOf(request)), urlsFor(request));

  async function person(id: string, request: FastifyRequest) {
    const [found] = await composer.people([id], callOf(request));
    if (!found) throw refusal("USER_NOT_FOUND");
    return toApiUser(found, urlsFor(request));
  }

  async function videosOf(authorId: string, query: PageQuery, request: FastifyRequest, everyState: boolean) {
    const call = callOf(request);
    const page = { authorId, ...fromCursor(query.cursor), limit: query.limit, everyState };
    const { videos, more } = await video.listByAuthor(page, call);
    const urls = urlsFor(request);
    const items = (await composer.videoViews(videos, call)).map((view) => toApiVideo(view, urls));
    return { items, nextCursor: nextCursor(videos, more) };
  }

  return async (app) => {
    app.get(
      "/me",
      {
        schema: {
          summary: "One's own profile",
          tags: ["profiles"],
          response: answers({ 200: Type.Ref("Me") }),
        },
      },
      async (request) => {
        const call = callOf(request);
        // Asked on behalf of the caller: private fields are not shared with other requests.
        const { users } = await user.getUsers({ ids: [request.identity!.userId] }, call);
        const [me] = users;
        if (!me) throw refusal("USER_NOT_FOUND");
        const shown = toApiUser(await composer.person(me, call), urlsFor(request));
        return {
          ...shown,
          closingRefused: me.closingRefused || null,
          mutedUntil: me.mutedUntilMs > Date.now() ? toTime(me.mutedUntilMs) : null,
        };
      },
    );
    app.delete(
      "/me",
      {
        schema: {
          summary: "Delete one's account, with everything one has published, said and written",
          description:
            "All sessions end at once, and nobody is shown the account any more. The rest is removed in the background. " +
            "While a moderator has put one of the videos on hold it is refused: then one can log in again, and " +
            "`closingRefused` in `GET /me` says why.",
          tags: ["accounts"],
          body: Type.Object({ password: Type.String({ maxLength: 1024 }) }),
          response: answers({ 202: Type.Object({ state: Type.Literal("closing") }) }),
        },
      },
      async (request, reply) => {
        await user.closeAccount({ password: request.body.password }, callOf(request));
        auth.forget(request.identity!.userId);
        hubs.presence.hide(request.identity!.userId);
        cookie.forget(request, reply);
        return reply.code(202).send({ state: "closing" as const });
      },
    );
    app.patch(
      "/me",
      {
        schema: {
          summary: "Change name or signature",
          tags: ["profiles"],
          body: Type.Object({
            name: Type.Optional(Type.String({ maxLength: 256, description: "1 to 32 characters." })),
            signature: Type.Optional(
              Type.String({ maxLength: 1600, description: "At most 200 characters." }),
            ),
          }),
          response: answers({ 200: Type.Ref("User") }),
        },
      },
      async (request) => answer(await user.updateProfile(request.body, callOf(request)), request),
    );
    for (const [path, picture] of [
      ["avatar", Picture.AVATAR],
      ["background", Picture.BACKGROUND],
    ] as const) {
      app.put(
        `/me/${path}`,
        {
          config: { takesFile: true },
          schema: {
            summary: `Set the ${path}: a JPEG, PNG, WebP or GIF of at most 8 MB`,
            tags: ["profiles"],
            consumes: ["image/*", "application/octet-stream"],
            response: answers({ 200: Type.Ref("User") }),
          },
        },
        async (request) => {
          const staged = await intake.receivePicture(...fileOf(request));
          return answer(await user.setPicture({ picture, staged: staged.name }, callOf(request)), request);
        },
      );
      app.delete(
        `/me/${path}`,
        {
          schema: {
            summary: `Go back to the default ${path}`,
            tags: ["profiles"],
            response: answers({ 200: Type.Ref("User") }),
          },
        },
        async (request) => answer(await user.setPicture({ picture, staged: "" }, callOf(request)), request),
      );
    }
    app.get(
      "/me/videos",
      {
        schema: {
          summary: "One's own videos in every state, newest first",
          tags: ["profiles"],
          querystring: PageQuery,
          response: answers({ 200: pageOf("Video") }),
        },
      },
      (request) => videosOf(request.identity!.userId, request.query, request, true),
    );
    app.get(
      "/users/:id",
      {
        schema: {
          summary: "Somebody's profile",
          tags: ["profiles"],
          params: IdParams,
          response: answers({ 200: Type.Ref("User") }),
        },
      },
      (request) => person(request.params.id, request),
    );
    app.get(
      "/users/:id/videos",
      {
        schema: {
          summary: "Somebody's published videos, newest first",
          tags: ["profiles"],
          params: IdParams,
          querystring: PageQuery,
          response: answers({ 200: pageOf("Video") }),
        },
      },
      (request) => videosOf(request.params.id, request.query, request, false),
    );
  };
}
