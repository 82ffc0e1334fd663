import { readConfig } from "#apps/server/config.ts";
import { table } from "#apps/server/targets.ts";
import { createHttpServer } from "#platform/http/http-server.ts";
import { createLog } from "#platform/observe/log.ts";
import { createMetrics } from "#platform/observe/metrics.ts";

export interface Route {
  method: string;
  /** As it is declared: /api/v1/users/:id */
  url: string;
  /** What its body and its query string may have. */
  fields: string[];
}

interface Schema {
  properties?: Record<string, Schema>;
}

/** Every route that the public side has, from the declarations themselves. */
export async function routeTable(): Promise<Route[]> {
  const config = readConfig({});
  const log = createLog("silent");
  const metrics = createMetrics();
  const app = createHttpServer({ ...config, log, metrics, readiness: async () => ({}) });
  const routes: Route[] = [];
  app.addHook("onRoute", ({ method, url, schema }) => {
    const parts = [schema?.body, schema?.querystring] as (Schema | undefined)[];
    const fields = parts.flatMap((part) => Object.keys(part?.properties ?? {}));
    for (const one of [method].flat()) routes.push({ method: one, url, fields });
  });
  const { module, config: slice } = table.gateway!;
  // The routes are declared with everything they need and never called.
  const parts = {
    config: slice(config),
    db: {},
    clients: {},
    ids: {},
    events: {},
    blobs: {},
    media: {},
    metrics,
    log,
  };
  const gateway = await module.start(parts as never);
  await app.register(gateway.routes!);
  await app.ready();
  await app.close();
  return routes;
}
