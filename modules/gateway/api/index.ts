import swagger from "@fastify/swagger";
import swaggerUi from "@fastify/swagger-ui";
import type { FastifyInstance } from "fastify";
import type { TObject } from "typebox";
import { refusal } from "#contracts/reasons.ts";
import { sendProblem } from "../edge/problem.ts";
import { bearerToken, identify, requireServices } from "../edge/request-call.ts";
import { type Caller, filePolicy } from "../edge/route-table.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { asyncApi } from "../realtime/async-api.ts";
import { endpointsRoute } from "../realtime/endpoints-route.ts";
import { entriesRoute } from "../realtime/entries-route.ts";
import { realtimeRoutes } from "../realtime/realtime.ts";
import { accountRoutes } from "./accounts.ts";
import { blockRoutes } from "./blocks.ts";
import { requireTypes } from "./body-types.ts";
import { commentRoutes } from "./comments.ts";
import { directUploadRoutes } from "./direct-uploads.ts";
import { exportRoutes } from "./exports.ts";
import { figureRoutes } from "./figures.ts";
import { acceptFiles } from "./file-body.ts";
import { followRoutes } from "./follows.ts";
import { groupRoutes } from "./groups.ts";
import { historyRoutes } from "./history.ts";
import { hotUserRoutes } from "./hot-users.ts";
import { knownFileRoutes } from "./known-files.ts";
import { messageActRoutes } from "./message-acts.ts";
import { messageSearchRoutes } from "./message-search.ts";
import { messageRoutes } from "./messages.ts";
import { moderationRoutes } from "./moderation.ts";
import { notificationRoutes } from "./notifications.ts";
import { playbackRoutes } from "./playback.ts";
import { presenceRoutes } from "./presence.ts";
import { profileRoutes } from "./profiles.ts";
import { pushRoutes } from "./push.ts";
import { rankingRoutes } from "./rankings.ts";
import { reactionRoutes } from "./reactions.ts";
import { reportRoutes } from "./reports.ts";
import { resumableUploadRoutes } from "./resumable-uploads.ts";
import { sharedSchemas } from "./schemas.ts";
import { shareRoutes } from "./shares.ts";
import { videoRoutes } from "./videos.ts";

function securityOf({ issuer, required }: Caller): Record<string, string[]>[] {
  const withToken = { bearer: [] };
  return issuer ? (required ? [withToken] : [{}, withToken]) : [];
}

/** Swagger's page has its scripts in files, and its styles and pictures inline. */
const docsPolicy = [
  "default-src 'self'",
  "img-src 'self' data:",
  "style-src 'self' 'unsafe-inline'",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** /api/v1: REST with problem+json. */
export async function apiV1(app: FastifyInstance, context: GatewayContext): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Douya",
        version: "1",
        description:
          "The API of a Douya server. Ids are decimal strings. Lists are paged by cursor. " +
          "Errors are problem+json whose `reason` is stable. When a service cannot be asked, an answer comes without its " +
          "part, and the header `douya-missing` names it: likes, works, relations, reactions.",
      },
      servers: [{ url: "/" }],
      components: { securitySchemes: { bearer: { type: "http", scheme: "bearer", bearerFormat: "JWT" } } },
    },
    refResolver: { buildLocalReference: (json, _base, _fragment, i) => String(json.$id ?? `schema-${i}`) },
    transform: ({ schema, url, route }) => {
      const { caller } = route.config?.policy ?? filePolicy;
      return { schema: { ...schema, security: securityOf(caller) }, url };
    },
  });
  for (const schema of sharedSchemas) app.addSchema(schema);
  acceptFiles(app);
  app.setErrorHandler(sendProblem);
  app.setNotFoundHandler((request, reply) =>
    sendProblem(refusal("NOT_FOUND", "There is no such endpoint; see /api/v1/docs."), request, reply),
  );
  await app.register(async (routes) => {
    routes.addHook("onRoute", (route) => {
      const body = route.schema?.body as (TObject & { additionalProperties?: boolean }) | undefined;
      if (body?.type !== "object") return;
      // An unknown field is a mistake that its sender wants to know about.
      body.additionalProperties ??= false;
      route.preValidation = [route.preValidation ?? [], requireTypes(body.properties)].flat();
    });
    context.admit.watch(routes);
    routes.addHook("preHandler", context.admit.enter);
    routes.addHook("onRequest", async (request) => {
      await identify(context, request, bearerToken(request));
      await context.limits.take(request);
      // A file would be received for nothing.
      if (request.routeOptions.config.takesFile) requireServices(request);
    });
    await routes.register(accountRoutes(context));
    await routes.register(profileRoutes(context));
    await routes.register(videoRoutes(context));
    await routes.register(knownFileRoutes(context));
    await routes.register(directUploadRoutes(context));
    await routes.register(resumableUploadRoutes(context));
    await routes.register(messageRoutes(context));
    await routes.register(groupRoutes(context));
    await routes.register(notificationRoutes(context));
    await routes.register(pushRoutes(context));
    await routes.register(presenceRoutes(context));
    await routes.register(messageActRoutes(context));
    await routes.register(messageSearchRoutes(context));
    await routes.register(endpointsRoute(context));
    await routes.register(entriesRoute(context));
    await routes.register(reactionRoutes(context));
    await routes.register(shareRoutes(context));
    await routes.register(commentRoutes(context));
    await routes.register(reportRoutes(context));
    await routes.register(moderationRoutes(context));
    await routes.register(followRoutes(context));
    await routes.register(blockRoutes(context));
    await routes.register(hotUserRoutes(context));
    await routes.register(rankingRoutes(context));
    await routes.register(playbackRoutes(context));
    await routes.register(exportRoutes(context));
    await routes.register(historyRoutes(context));
    await routes.register(figureRoutes(context));
  });
  await app.register((scope) => realtimeRoutes(scope, context));
  app.get("/openapi.json", { schema: { hide: true } }, () => app.swagger());
  app.get("/asyncapi.json", { schema: { hide: true } }, () => asyncApi);
  // The page names its files by their whole path; this scope knows only its own part.
  await app.register(swaggerUi, {
    routePrefix: "/docs",
    indexPrefix: app.prefix,
    staticCSP: docsPolicy,
    theme: { title: "API · Douya" },
    // Hides the top bar, whose logo links nowhere.
    uiConfig: { layout: "BaseLayout" },
  });
}
