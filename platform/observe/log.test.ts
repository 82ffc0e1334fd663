import { expect, test } from "vitest";
import { trustNobody } from "../http/client-address.ts";
import { createHttpServer } from "../http/http-server.ts";
import { createLog } from "./log.ts";
import { createMetrics } from "./metrics.ts";

const hush = "hush-2b7f";

test("no password or token of a request is in the log, at any level, nor values of rows in errors", async () => {
  let output = "";
  const log = createLog("trace", {
    write(line) {
      output += line;
    },
  });
  const app = createHttpServer({
    log,
    metrics: createMetrics(),
    trustProxy: trustNobody,
    metricsToken: "",
    publicUrl: "",
    readiness: async () => ({}),
  });
  app.get("/fails", async (request) => {
    throw Object.assign(new Error(`Cannot fetch http://127.0.0.1${request.url} now`), {
      detail: `Key (name)=(${hush}) already exists.`,
      url: `/fails?token=${hush}`,
    });
  });
  const headers = { authorization: `Bearer ${hush}`, cookie: `session=${hush}` };
  for (const path of ["/livez", "/nowhere", "/fails"])
    await app.inject({ url: `${path}?username=a&password=${hush}&token=${hush}`, headers });
  await app.inject({ method: "POST", url: `/livez?token=${hush}`, headers, payload: { password: hush } });
  log.error({ err: new Error(`GET /douyin/user/?token=${hush} failed`) }, "by hand");
  await app.close();
  expect(output).toContain('"url":"/livez?…"');
  expect(output).toContain("Cannot fetch http://127.0.0.1/fails?… now");
  expect(output).not.toContain(hush);
  for (const line of output.trim().split("\n")) expect(line.match(/"msg":/g), line).toHaveLength(1);
});
