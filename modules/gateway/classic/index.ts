import formbody from "@fastify/formbody";
import multipart from "@fastify/multipart";
import type { FastifyInstance } from "fastify";
import { refusal } from "#contracts/reasons.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { commentEndpoints } from "./comment.ts";
import { sendStatus } from "./endpoint.ts";
import { favoriteEndpoints } from "./favorite.ts";
import { feedEndpoint } from "./feed.ts";
import { messageEndpoints } from "./message.ts";
import { monthAndDay } from "./present.ts";
import { publishEndpoints } from "./publish.ts";
import { relationEndpoints } from "./relation.ts";
import { userEndpoints } from "./user.ts";

const multipartForm = "multipart/form-data";

/** The classic API below /douyin: a thin layer over the same services as /api/v1. */
export async function classicApi(
  app: FastifyInstance,
  context: GatewayContext,
  { maxUploadBytes, timeZone }: { maxUploadBytes: number; timeZone: string },
): Promise<void> {
  context.admit.watch(app);
  await app.register(formbody);
  app.setErrorHandler((error, request, reply) => sendStatus(error, request, reply));
  app.setNotFoundHandler((request, reply) => {
    const notFound = refusal("NOT_FOUND", "There is no such endpoint.");
    return sendStatus(notFound, request, reply, 404);
  });
  // Of such a form only a file to publish is read; what else is asked for stands in the address then.
  app.addContentTypeParser(multipartForm, (_request, _payload, done) => done(null));
  await app.register(async (scope) => {
    scope.removeContentTypeParser(multipartForm);
    await scope.register(multipart, {
      limits: { files: 1, fields: 100, parts: 101, fieldSize: 16 * 1024, fileSize: maxUploadBytes + 1 },
    });
    publishEndpoints(scope, context);
  });
  userEndpoints(app, context);
  feedEndpoint(app, context);
  messageEndpoints(app, context);
  favoriteEndpoints(app, context);
  commentEndpoints(app, context, monthAndDay(timeZone));
  relationEndpoints(app, context);
}
