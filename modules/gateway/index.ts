import { defineModule } from "#platform/module/module.ts";
import { registerHistogram } from "#platform/observe/histogram.ts";
import { apiV1 } from "./api/index.ts";
import { statusForm } from "./classic/endpoint.ts";
import { classicApi } from "./classic/index.ts";
import { createComposer } from "./composition/composer.ts";
import { createFeedPages } from "./composition/feed-pages.ts";
import { feedValidity } from "./composition/feed-validity.ts";
import { optionalPart } from "./composition/optional-part.ts";
import { createPlays } from "./composition/plays.ts";
import { createPublicParts } from "./composition/public-parts.ts";
import { createAdmit } from "./edge/admit.ts";
import { createAuth } from "./edge/auth.ts";
import { createLimits } from "./edge/limits.ts";
import { problemOf, sendProblem } from "./edge/problem.ts";
import { tellMissing, watchClients } from "./edge/request-call.ts";
import { applyRouteTable } from "./edge/route-table.ts";
import { sessionCookie } from "./edge/session-cookie.ts";
import { refuseSwitchedOff } from "./edge/switched-off.ts";
import { readColours } from "./edge/traffic-colour.ts";
import { makeExports } from "./exports/make-exports.ts";
import { gatewayCalls } from "./gateway-calls.ts";
import { type GatewayContext, urlsOf } from "./gateway-context.ts";
import { hlsRoutes } from "./media/hls-routes.ts";
import { mediaRoutes } from "./media/media-routes.ts";
import { createResumableIntake } from "./media/resumable-intake.ts";
import { sentFilms } from "./media/sent-films.ts";
import { signedMedia } from "./media/signed-media.ts";
import { createUploadIntake } from "./media/upload-intake.ts";
import type { RealtimeUrl } from "./realtime/endpoints-route.ts";
import { createLiveHub } from "./realtime/live-hub.ts";
import { createPresenceHub } from "./realtime/presence-hub.ts";
import { createTimelineHub } from "./realtime/timeline-hub.ts";
import { createTypingHub } from "./realtime/typing.ts";
import { firstScreen } from "./web/first-screen.ts";
import { linkPreview } from "./web/link-preview.ts";
import { webClient } from "./web/web-client.ts";

export interface GatewayConfig {
  /** The start of URLs in answers; empty: the host of the request. */
  publicUrl: string;
  /** Where a CDN in front of us is, for public files; empty: there is none. */
  mediaUrl: string;
  /** Where clients connect for what reaches them; none: where they ask. */
  realtimeUrls: RealtimeUrl[];
  /** How long it may keep one without asking. */
  mediaCacheSeconds: number;
  maxUploadBytes: number;
  /** What a person may keep; 0: no limit. */
  quotaBytes: number;
  /** For dates that are shown without a time: Asia/Shanghai. */
  timeZone: string;
  /** The built web client. */
  webDir: string;
  /** Of the installation; the key that signs media URLs is derived from it. */
  secret: string;
}

/** The public HTTP edge. Owns no data. */
export const gatewayModule = defineModule<GatewayConfig>()({
  name: "gateway",
  calls: gatewayCalls,
  async start({
    config,
    clients,
    outage,
    events,
    blobs,
    caches,
    protect,
    signals,
    presence,
    issuerKeys,
    settings,
    metrics,
    log,
  }) {
    const checks = registerHistogram(metrics.registry, {
      name: "douya_session_check_seconds",
      help: "Time that a request waited until its session was checked; most wait for none",
      labels: [],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1],
    });
    const auth = createAuth(clients.user, caches, events, signals, issuerKeys, (seconds) =>
      checks.observe({}, seconds),
    );
    const validity = feedValidity(events, caches);
    const parts = createPublicParts(clients, validity, caches);
    const intake = createUploadIntake(
      blobs,
      clients.video,
      protect,
      config.maxUploadBytes,
      config.quotaBytes,
    );
    const signed = signedMedia(config.secret);
    const films = sentFilms(config.secret, clients.playback, protect, (error) =>
      log.debug({ err: error }, "could not count a film that was sent"),
    );
    const hub = createTimelineHub(clients.message, signals, events, log);
    metrics.gauge(
      "douya_realtime_receivers",
      "Connections and waiting requests that are given what reaches their people",
      hub.receivers,
    );
    const plays = createPlays(clients, caches, optionalPart(log));
    const composer = createComposer(parts, clients, plays, log);
    const switchedOff = () => settings.current("switchedOff");
    const hubs = {
      presence: createPresenceHub(presence, clients.message, signals, events, log),
      typing: createTypingHub(clients.message, signals),
      live: createLiveHub(clients, parts, composer, validity, switchedOff, log),
    };
    const exports = makeExports(clients, blobs, log);
    const context: GatewayContext = {
      ...clients,
      auth,
      composer,
      pages: createFeedPages(validity, caches, plays),
      plays,
      intake,
      resumable: createResumableIntake(blobs, clients.video, intake, signals, protect),
      maxUploadBytes: config.maxUploadBytes,
      limits: createLimits(protect),
      admit: createAdmit(protect, auth),
      blobs,
      signed,
      films,
      exports,
      ...urlsOf(config.publicUrl, config.mediaUrl, signed, films),
      cookie: sessionCookie(config.publicUrl),
      publicUrl: config.publicUrl,
      mediaUrl: config.mediaUrl,
      realtimeUrls: config.realtimeUrls,
      hub,
      hubs,
      protect,
      log,
    };
    return {
      handlers: {},
      async stop() {
        hub.stop();
        hubs.presence.stop();
        hubs.live.stop();
        await exports.stop();
        await context.resumable.stop();
        await auth.stop();
      },
      async routes(app) {
        applyRouteTable(app);
        // Also where only the routes are wanted, and nobody stops the module.
        app.addHook("onClose", () => exports.stop());
        context.admit.guard(app);
        refuseSwitchedOff(app, switchedOff);
        app.decorate("outage", outage);
        app.setErrorHandler(sendProblem);
        app.refusalForms.add("/", problemOf);
        app.refusalForms.add("/douyin/", statusForm);
        tellMissing(app);
        watchClients(app);
        readColours(app, () => settings.current("colours"));
        await app.register((scope) => apiV1(scope, context), { prefix: "/api/v1" });
        // The classic API does not show who follows the caller.
        const classicContext = {
          ...context,
          composer: createComposer(parts, clients, plays, log, { oneWay: true }),
        };
        await app.register((scope) => classicApi(scope, classicContext, config), {
          prefix: "/douyin",
        });
        await app.register((scope) => mediaRoutes(scope, context, { ...config, parts, validity, log }));
        await app.register((scope) => hlsRoutes(scope, context));
        await app.register((scope) =>
          webClient(scope, config.webDir, linkPreview(context, log), firstScreen(context, log), {
            ...(config.mediaUrl && { media: new URL(config.mediaUrl).origin }),
            realtime: config.realtimeUrls.map(({ url }) => url),
            ...(blobs.direct && { uploads: blobs.direct.origin }),
          }),
        );
      },
    };
  },
});
