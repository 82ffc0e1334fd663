import { defineModule } from "#platform/module/module.ts";
import { noRateLimit, rateLimit } from "#platform/protect/rate-limit.ts";
import { apiV1 } from "./api/index.ts";
import { createAuth } from "./auth.ts";
import { statusForm } from "./classic/endpoint.ts";
import { classicApi } from "./classic/index.ts";
import { createComposer } from "./composer.ts";
import { createFeedPages } from "./feed-pages.ts";
import { firstScreen } from "./first-screen.ts";
import { gatewayCalls } from "./gateway-calls.ts";
import { type GatewayContext, urlsFor } from "./gateway-context.ts";
import { createLimits } from "./limits.ts";
import { linkPreview } from "./link-preview.ts";
import { mediaRoutes } from "./media.ts";
import { problemOf, sendProblem } from "./problem.ts";
import { tellMissing, watchClients } from "./request-call.ts";
import { sessionCookie } from "./session-cookie.ts";
import { createUploadIntake } from "./upload-intake.ts";
import { webClient } from "./web.ts";

export interface GatewayConfig {
  /** What URLs in answers begin with; empty: what the client asked for. */
  publicUrl: string;
  maxUploadBytes: number;
  limits: boolean;
  /** Of dates that are shown without a time: Asia/Shanghai. */
  timeZone: string;
  /** The built web client. */
  webDir: string;
}

/** The public HTTP edge. Owns no data. */
export const gatewayModule = defineModule<GatewayConfig>()({
  name: "gateway",
  calls: gatewayCalls,
  async start({ config, clients, events, blobs, log }) {
    const uploads = config.limits ? rateLimit({ burst: 30, perMinute: 10 }) : noRateLimit;
    const context: GatewayContext = {
      ...clients,
      auth: createAuth(clients.user),
      composer: createComposer(clients, log),
      pages: createFeedPages(events),
      intake: createUploadIntake(blobs, clients.video, uploads, config.maxUploadBytes),
      limits: createLimits(config.limits),
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
        // It does not show who follows the caller.
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
