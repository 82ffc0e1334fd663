import { once } from "node:events";
import { type AddressInfo, connect } from "node:net";
import fastify from "fastify";
import { expect, onTestFinished, test } from "vitest";
import { type Admission, createAdmission } from "#platform/protect/admission.ts";
import { createAdmit } from "./admit.ts";
import { callOf, watchClients } from "./request-call.ts";

test("a request whose client goes while it waits is not answered, and holds up nobody", async () => {
  // Its clock stands: who waits is turned away after 200 ms, and who is inside for 500 ms gives their place away.
  const admission = createAdmission({ loopDelayMs: () => 0, nowMs: () => 0 });
  const admit = createAdmit({ admission: () => admission }, { userOf: () => undefined });
  const app = fastify({ forceCloseConnections: true });
  const [begun, refused]: [string[], string[]] = [[], []];
  const held: (() => void)[] = [];
  watchClients(app);
  admit.watch(app);
  app.addHook("preHandler", admit.enter);
  app.setErrorHandler((error: Error & { reason?: string }, _request, reply) => {
    refused.push(String(error.reason));
    return reply.code(503).send();
  });
  const policy = { caller: { issuer: "any" }, priority: "essential" };
  app.get<{ Params: { who: string } }>("/:who", { config: { policy } as never }, async ({ params }) => {
    begun.push(params.who);
    await new Promise<void>((resolve) => held.push(resolve));
    return "";
  });
  await app.listen({ host: "127.0.0.1", port: 0 });
  onTestFinished(() => app.close());
  const { port } = app.server.address() as AddressInfo;
  const ask = (who: string) => {
    const client = connect(port, "127.0.0.1").on("error", () => {});
    client.write(`GET /${who} HTTP/1.1\r\nHost: test\r\n\r\n`);
    return client;
  };
  for (let i = 0; i < 20; i++) ask("inside");
  await expect.poll(() => begun).toHaveLength(20);
  const gone = ask("gone");
  await expect.poll(() => admission.waiting()).toBe(1);
  gone.destroy();
  await expect.poll(() => refused).toEqual(["CALLER_GONE"]);
  expect(admission.waiting()).toBe(0);
  const stays = ask("stays");
  await expect.poll(() => admission.waiting()).toBe(1);
  for (const answer of held.splice(0)) answer();
  await expect.poll(() => held).toHaveLength(1);
  held[0]!();
  await once(stays, "data");
  expect(begun.slice(20)).toEqual(["stays"]);
});

test("a guest's requests take their chance each, which goes with its calls and which nothing that it sends changes", async () => {
  const ranked: string[] = [];
  const admission = createAdmission({ loopDelayMs: () => 0 });
  const watched: Admission = {
    ...admission,
    judge(request) {
      ranked.push(request.asker);
      return admission.judge(request);
    },
  };
  const admit = createAdmit({ admission: () => watched }, { userOf: () => undefined });
  const app = fastify();
  onTestFinished(() => app.close());
  watchClients(app);
  admit.guard(app);
  admit.watch(app);
  app.addHook("preHandler", admit.enter);
  const policy = { caller: { issuer: "any" }, priority: "normal", timeoutMs: 1_000, needs: [] };
  const calls: string[] = [];
  app.get("/", { config: { policy } as never }, async (request) => {
    const { asker = "", callerId } = callOf(request);
    calls.push(asker);
    expect(callerId).toBeUndefined();
    return "";
  });
  const headers = {
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "douya-asker": "the best",
    "douya-caller": "1",
    "douya-priority": "essential",
    "x-forwarded-for": "192.0.2.1",
    "x-request-id": "the best",
  };
  for (let i = 0; i < 50; i++) expect((await app.inject({ url: "/", headers })).statusCode).toBe(200);
  expect(new Set(calls).size).toBe(50);
  expect(ranked).toEqual(calls);
});
