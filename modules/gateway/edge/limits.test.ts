import type { FastifyRequest } from "fastify";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createMetrics } from "#platform/observe/metrics.ts";
import { embeddedProtection } from "#platform/protect/embedded-protection.ts";
import { createLimits, limitTable } from "./limits.ts";
import { policyOf } from "./route-table.ts";
import { createScraping } from "./scraping.ts";

// Buckets fill with time, and a busy machine takes some.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"] });
});
afterEach(() => {
  vi.useRealTimers();
});

const request = (route: string, userId?: string, ip = "192.0.2.1") => {
  const [method, url] = route.split(" ");
  return {
    method,
    ip,
    routeOptions: { url, config: { policy: policyOf(method!, url!) } },
    ...(userId && { identity: { userId } }),
  } as unknown as FastifyRequest;
};
const limitsWith = (limits: boolean) =>
  createLimits(embeddedProtection({ limits, metrics: createMetrics() }));
/** How many of two thousand are accepted. */
async function taken(limits: ReturnType<typeof createLimits>, ...asked: Parameters<typeof request>) {
  let count = 0;
  try {
    for (; count < 2000; count++) await limits.take(request(...asked));
  } catch (error) {
    expect(error).toMatchObject({ kind: "exhausted", reason: "TOO_MANY_REQUESTS" });
    expect((error as { retryAfterMs: number }).retryAfterMs).toBeGreaterThan(0);
  }
  return count;
}

test.each(
  limitTable.filter(({ routes }) => routes.length > 0),
)("$routes: so many at once for each person, over all of them together", async ({ burst, routes }) => {
  const limits = limitsWith(true);
  expect(await taken(limits, routes[0]!, "1")).toBe(burst);
  for (const route of routes) expect(await taken(limits, route, "1")).toBe(0);
  // Another person at the same address, and an address without a known person.
  expect(await taken(limits, routes.at(-1)!, "2")).toBe(burst);
  expect(await taken(limits, routes[0]!)).toBe(burst);
  expect(await taken(limits, routes[0]!, undefined, "192.0.2.2")).toBe(burst);
});

test("a request for the head alone is counted with the page's", async () => {
  const limits = limitsWith(true);
  expect(await taken(limits, "HEAD /api/v1/me/messages", "1")).toBe(60);
  expect(await taken(limits, "GET /api/v1/me/messages", "1")).toBe(0);
  expect(await taken(limits, "HEAD /api/v1/videos/:id", "1")).toBe(2000);
});

test("so many a person says over connections that they are writing", async () => {
  const limits = limitsWith(true);
  for (let i = 0; i < 60; i++) await limits.takeFor("typing", "1");
  await expect(limits.takeFor("typing", "1")).rejects.toMatchObject({ reason: "TOO_MANY_REQUESTS" });
  await limits.takeFor("typing", "2");
});

test("a school can renew all its sessions at once, several times; the service counts logins", async () => {
  const limits = limitsWith(true);
  expect(await taken(limits, "POST /api/v1/sessions/refresh")).toBe(1200);
  for (const route of ["POST /api/v1/sessions", "POST /api/v1/users", "POST /douyin/user/login"])
    expect(await taken(limits, route)).toBe(2000);
});

test("a change is counted even if no row names it; a read is not", async () => {
  const limits = limitsWith(true);
  expect(await taken(limits, "PUT /api/v1/some/new/thing", "1")).toBe(120);
  expect(await taken(limits, "POST /api/v1/another", "1")).toBe(0);
  expect(await taken(limits, "GET /api/v1/videos/:id", "1")).toBe(2000);
});

test("a reader of more pages than anybody can watch gets them slowly, then no more; others are not concerned", async () => {
  let slowed = 0;
  const protect = embeddedProtection({ limits: true, metrics: createMetrics() });
  const limits = createLimits(
    protect,
    createScraping(protect, async () => {
      slowed++;
    }),
  );
  const take = (route: string, userId?: string, ip?: string) => limits.take(request(route, userId, ip));
  const lists = ["GET /api/v1/feed", "GET /douyin/feed", "GET /api/v1/videos/:id/comments"];
  for (let i = 0; i < 600; i++) await take(lists[i % 3]!, "1");
  expect(slowed).toBe(0);
  for (let i = 0; i < 600; i++) await take(lists[i % 3]!, "1");
  expect(slowed).toBe(600);
  const refused = await take("GET /api/v1/feed", "1").catch((error) => error);
  expect(refused).toMatchObject({ kind: "exhausted", reason: "TOO_MANY_PAGES" });
  expect(refused.retryAfterMs).toBeGreaterThan(0);
  const before = slowed;
  await take("GET /api/v1/feed", "2");
  // Guests share their address's, which is ten times as much.
  for (let i = 0; i < 6_000; i++) await take("GET /api/v1/feed");
  expect(slowed).toBe(before);
  await take("GET /api/v1/feed");
  expect(slowed).toBe(before + 1);
  const bySharers = slowed;
  await take("GET /api/v1/feed", undefined, "192.0.2.9");
  expect(slowed).toBe(bySharers);
});

test("invalid tokens are counted by address", async () => {
  const limits = limitsWith(true);
  const refuse = (reason: string) => limits.takeUnidentified(request("GET /api/v1/me"), reason);
  for (let i = 0; i < 300; i++)
    for (const reason of ["TOKEN_INVALID", "LOGIN_REQUIRED"]) await refuse(reason);
  for (const reason of ["TOKEN_INVALID", "LOGIN_REQUIRED"])
    await expect(refuse(reason)).rejects.toMatchObject({ reason: "TOO_MANY_REQUESTS" });
  // Their neighbours' tokens have only expired, and the answer makes them renew.
  for (const reason of ["TOKEN_EXPIRED", "SESSION_ENDED"]) await refuse(reason);
  expect(await taken(limits, "PUT /api/v1/users/:id/follow", "1")).toBeGreaterThan(0);
});

test("DOUYA_LIMITS=off counts nothing", async () => {
  expect(await taken(limitsWith(false), "POST /douyin/comment/action", "1")).toBe(2000);
});
