import { connect } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import { createLog } from "../observe/log.ts";
import { createMetrics } from "../observe/metrics.ts";
import { trustNobody } from "./client-address.ts";
import { createHttpServer } from "./http-server.ts";

/** A server that turns everything away. */
async function full(holdMs: number): Promise<number> {
  const app = createHttpServer({
    log: createLog("silent"),
    metrics: createMetrics(),
    trustProxy: trustNobody,
    publicUrl: "",
    metricsToken: "",
    readiness: async () => ({}),
  });
  app.refusalForms.add("/classic/", ({ message }) => ({
    status: 200,
    type: "text/plain",
    body: { status_msg: message },
  }));
  app.addHook("onRequest", (request, reply) => {
    reply.hijack();
    app.shedAnswers(request.raw, reply.raw, { traceId: request.id, retryAfterMs: 2_100, holdMs });
  });
  app.all("/*", async () => "never");
  await app.listen({ port: 0, host: "127.0.0.1" });
  onTestFinished(() => app.close());
  return (app.server.address() as { port: number }).port;
}

test.each([0, 50])("says when to come back, in the form of the API, held for %d ms", async (holdMs) => {
  const port = await full(holdMs);
  const ask = (path: string) => fetch(`http://127.0.0.1:${port}${path}`);
  for (let i = 0; i < 3; i++) {
    const answer = await ask("/anything");
    expect(answer.status).toBe(503);
    expect(answer.headers.get("retry-after")).toBe("3");
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect(await answer.json()).toMatchObject({ reason: "OVERLOADED" });
  }
  const classic = await ask("/classic/feed");
  expect(classic.status).toBe(200);
  expect(await classic.json()).toEqual({ status_msg: expect.stringContaining("more to do than it can") });
});

test("a connection whose body comes after the answer is good for another request", async () => {
  const port = await full(0);
  const socket = connect(port, "127.0.0.1");
  onTestFinished(() => void socket.destroy());
  let text = "";
  socket.setEncoding("utf8").on("data", (piece) => {
    text += piece;
  });
  const answers = () => text.split("HTTP/1.1 503").length - 1;
  socket.write("POST /anything HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n12345");
  await expect.poll(answers).toBe(1);
  socket.write("67890POST /anything HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n");
  await expect.poll(answers).toBe(2);
});
