import { readFile } from "node:fs/promises";
import fastify from "fastify";
import { expect, onTestFinished, test } from "vitest";
import { refusal } from "#contracts/reasons.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { sendProblem } from "./problem.ts";
import { callOf, identify, tellMissing } from "./request-call.ts";
import { applyRouteTable, routesDocument } from "./route-table.ts";

/** The answer of a route that only calls, for a sender who has this identity, while these services are away. */
async function ask(method: "GET" | "PUT", url: string, identity?: object, away: string[] = []) {
  const app = fastify();
  onTestFinished(() => app.close());
  let called = 0;
  applyRouteTable(app);
  tellMissing(app);
  app.setErrorHandler(sendProblem);
  app.decorate("outage", (service: string) =>
    away.includes(service)
      ? new DomainError("unavailable", `${service.toUpperCase()}_UNAVAILABLE`, "")
      : undefined,
  );
  app.route({
    method,
    url,
    handler: async (request) => {
      const context = {
        auth: { known: () => identity },
        limits: { takeUnidentified: async () => {} },
      };
      await identify(context as never, request, identity && "token");
      const { priority, deadlineMs } = callOf(request);
      called++;
      return { priority, leftMs: deadlineMs - Date.now() };
    },
  });
  const answer = await app.inject({ method, url });
  return { status: answer.statusCode, called, body: answer.json() };
}

test("a route asks for the caller that its row names", async () => {
  expect(await ask("GET", "/api/v1/me")).toMatchObject({ status: 401, called: 0 });
  expect(await ask("GET", "/api/v1/feed")).toMatchObject({ status: 200, called: 1 });
  const hold = "/api/v1/videos/:id/hold";
  expect(await ask("PUT", hold, { userId: "1", moderator: false })).toMatchObject({
    status: 403,
    body: { reason: "MODERATORS_ONLY" },
  });
  expect(await ask("PUT", hold, { userId: "1", moderator: true })).toMatchObject({ status: 200 });
});

test("a needed service that is away is refused before anything is asked, another is not missed", async () => {
  expect(await ask("GET", "/api/v1/feed", undefined, ["video"])).toMatchObject({
    status: 503,
    called: 0,
    body: { reason: "VIDEO_UNAVAILABLE" },
  });
  expect(await ask("GET", "/api/v1/feed", undefined, ["interaction"])).toMatchObject({ status: 200 });
});

test("priority and deadline are those of the row", async () => {
  expect((await ask("GET", "/api/v1/hot-users")).body.priority).toBe("sheddable");
  const { body } = await ask("PUT", "/api/v1/me/avatar", { userId: "1" });
  expect(body.leftMs).toBeGreaterThan(20_000);
});

test("a route of an API without a row is a mistake that is found at the start", () => {
  const app = fastify();
  applyRouteTable(app);
  expect(() => app.get("/api/v1/new", async () => refusal("NOT_FOUND"))).toThrow(/no row/);
});

test("docs/routes.md is as the table says", async () => {
  expect(await readFile(new URL("../../../docs/routes.md", import.meta.url), "utf8")).toBe(routesDocument());
});
