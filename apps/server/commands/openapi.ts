import { createHttpServer } from "#platform/http/http-server.ts";
import { createLog } from "#platform/observe/log.ts";
import { createMetrics } from "#platform/observe/metrics.ts";
import { readConfig } from "../config.ts";
import { table } from "../targets.ts";
import type { Command } from "./command.ts";

export const openapiCommand: Command = {
  summary: "prints the OpenAPI document of /api/v1",
  options: {},
  async run() {
    const config = readConfig({});
    const log = createLog("warn");
    const metrics = createMetrics();
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
    const app = createHttpServer({ ...config, log, metrics, readiness: async () => ({}) });
    await app.register(gateway.routes!);
    const answer = await app.inject("/api/v1/openapi.json");
    console.log(JSON.stringify(answer.json(), null, 2));
    await app.close();
  },
};
