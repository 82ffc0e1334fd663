import type { FastifyInstance } from "fastify";
import { embeddedCaches } from "#platform/cache/embedded-caches.ts";
import { createHttpServer } from "#platform/http/http-server.ts";
import { localIssuerKeys } from "#platform/keys/issuer-keys.ts";
import { createLog } from "#platform/observe/log.ts";
import { createMetrics } from "#platform/observe/metrics.ts";
import { localPresence } from "#platform/presence/presence-memory.ts";
import { embeddedProtection } from "#platform/protect/embedded-protection.ts";
import { changingSettings } from "#platform/settings/live-settings.ts";
import { localSignals } from "#platform/signals/signals.ts";
import { liveSettings, readConfig } from "./config.ts";
import { table } from "./targets.ts";

/**
 * The public side with all its routes, but with no service behind them: for code that wants to list the routes.
 * `before` gets the server before it has any route. The caller closes it.
 */
export async function declaredGateway(
  before: (app: FastifyInstance) => void = () => {},
): Promise<FastifyInstance> {
  const config = readConfig({});
  const log = createLog("warn");
  const metrics = createMetrics();
  const app = createHttpServer({ ...config, log, metrics, readiness: async () => ({}) });
  before(app);
  const { module, config: slice } = table.gateway!;
  const context = {
    config: slice(config),
    db: {},
    clients: {},
    outage: () => undefined,
    ids: {},
    events: {},
    blobs: {},
    media: {},
    caches: embeddedCaches(metrics),
    protect: embeddedProtection({ limits: true, metrics }),
    signals: localSignals(),
    presence: localPresence(),
    issuerKeys: localIssuerKeys(),
    settings: changingSettings(liveSettings(config), { log }),
    metrics,
    log,
  };
  const gateway = await module.start(context as never);
  try {
    await app.register(gateway.routes!);
    await app.ready();
  } catch (error) {
    // It would keep the process.
    await app.close();
    throw error;
  }
  return app;
}
