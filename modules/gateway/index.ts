import { defineModule } from "#platform/module/module.ts";
import { apiV1 } from "./api/index.ts";
import { statusForm } from "./classic/endpoint.ts";
import { classicApi } from "./classic/index.ts";
import { createComposer } from "./composition/composer.ts";
import { createFeedPages } from "./composition/feed-pages.ts";
import { createAuth } from "./edge/auth.ts";
import { createLimits } from "./edge/limits.ts";
import { problemOf, sendProblem } from "./edge/problem.ts";
import { tellMissing, watchClients } from "./edge/request-call.ts";
import { sessionCookie } from "./edge/session-cookie.ts";
import { gatewayCalls } from "./gateway-calls.ts";
import { type GatewayContext, urlsFor } from "./gateway-context.ts";
import { mediaRoutes } from "./media/media-routes.ts";
import { createUploadIntake } from "./media/upload-intake.ts";
import { firstScreen } from "./web/first-screen.ts";
import { linkPreview } from "./web/link-preview.ts";
import { webClient } from "./web/web-client.ts";

export interface GatewayConfig {
  /** The start of URLs in answers; empty: the host of the request. */
  publicUrl: string;
  maxUploadBytes: number;
  /** For dates that are shown without a time: Asia/Shanghai. */
  timeZone: string;
  /** The built web client. */
  webDir: string;
}

/** The public HTTP edge. Owns no data. */
export const gatewayModule = defineModule<GatewayConfig>()({
  name: "gateway",
  calls: gatewayCalls,
  async start({ config, clients, events, blobs, caches, protect, log }) {
    const context: GatewayContext = {
      ...clients,
      auth: createAuth(clients.user, caches),
      composer: createComposer(clients, log),
      pages: createFeedPages(events, caches),
      intake: createUploadIntake(blobs, clients.video, protect, config.maxUploadBytes),
      limits: createLimits(protect),
      blobs,
      urlsFor: urlsFor(config.publicUrl),
      cookie: sessionCookie(config.publicUrl),
      publicUrl: config.publicUrl,
    };
    return {
      handlers: {},
      async routes(app) {
        app.setErrorHandler(sendProblem);
        app.refusalForms.add("/", problemOf);
        app.refusalForms.add("/douyin/", statusForm);
        tellMissing(app);
        watchClients(app);
        await app.register((scope) => apiV1(scope, context), { prefix: "/api/v1" });
        // The classic API does not show who follows the caller.
        const classicContext = { ...context, composer: createComposer(clients, log, { oneWay: true }) };
        await app.register((scope) => classicApi(scope, classicContext, config), {
          prefix: "/douyin",
        });
        await app.register((scope) => mediaRoutes(scope, blobs));
        await app.register((scope) =>
          webClient(scope, config.webDir, linkPreview(context, log), firstScreen(context, log)),
        );
      },
    };
  },
});
