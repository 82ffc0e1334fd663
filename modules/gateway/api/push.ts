import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import Type from "typebox";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { answers, NoContent } from "./schemas.ts";

const Endpoint = Type.String({ maxLength: 1_024, description: "Where its push service takes messages." });
const Key = Type.String({ maxLength: 100 });

/** Browsers that are told of notifications while no page is open (Web Push). */
export function pushRoutes({ message }: GatewayContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      "/push/key",
      {
        schema: {
          summary: "The key with which a browser subscribes to pushes",
          tags: ["notifications"],
          response: answers({
            200: Type.Object({
              publicKey: Type.String({ description: "For `applicationServerKey`, in base64url (RFC 8292)." }),
            }),
          }),
        },
      },
      async (request) => ({ publicKey: (await message.getPushKey({}, callOf(request))).publicKey }),
    );
    app.put(
      "/push/subscriptions",
      {
        schema: {
          summary: "Tell a browser of notifications while no page is open",
          description:
            "What `PushSubscription.toJSON()` gives. Say it again at each start; it ends with the session. " +
            "A push is a JSON object, encrypted for the browser: `id` and `kind` of the notification, `name` of the " +
            "latest person, how many `others` there are, and `videoId`, `commentId` or `actorId`.",
          tags: ["notifications"],
          body: Type.Object({
            endpoint: Endpoint,
            keys: Type.Object({ p256dh: Key, auth: Key }, { description: "RFC 8291, in base64url." }),
            language: Type.Union([Type.Literal("en"), Type.Literal("zh")], { default: "en" }),
          }),
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        const { endpoint, keys, language } = request.body;
        const { sessionId } = request.identity!;
        await message.putPushSubscription({ endpoint, ...keys, language, sessionId }, callOf(request));
        return reply.code(204).send(null);
      },
    );
    app.delete(
      "/push/subscriptions",
      {
        schema: {
          summary: "Tell a browser nothing any more",
          tags: ["notifications"],
          body: Type.Object({ endpoint: Endpoint }),
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        await message.deletePushSubscription({ endpoint: request.body.endpoint }, callOf(request));
        return reply.code(204).send(null);
      },
    );
  };
}
