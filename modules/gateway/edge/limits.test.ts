import type { FastifyRequest } from "fastify";
import { expect, test } from "vitest";
import { createLimits, limitTable } from "./limits.ts";

const request = (route: string, userId?: string, ip = "192.0.2.1") => {
  const [method, url] = route.split(" ");
  return {
    method,
    ip,
    routeOptions: { url },
    ...(userId && { identity: { userId } }),
  } as unknown as FastifyRequest;
};
/** How many of two thousand are let through. */
function taken(limits: ReturnType<typeof createLimits>, ...asked: Parameters<typeof request>) {
  let count = 0;
  try {
    for (; count < 2000; count++) limits.take(request(...asked));
  } catch (error) {
    expect(error).toMatchObject({ kind: "exhausted", reason: "TOO_MANY_REQUESTS" });
    expect((error as { retryAfterMs: number }).retryAfterMs).toBeGreaterThan(0);
  }
  return count;
}

test.each(limitTable)("$routes: so many at once for each person, over all of them together", ({
  burst,
  routes,
}) => {
  const limits = createLimits(true);
  expect(taken(limits, routes[0]!, "1")).toBe(burst);
  for (const route of routes) expect(taken(limits, route, "1")).toBe(0);
  // Somebody else at the same address, and an address of which nobody knows whose it is.
  expect(taken(limits, routes.at(-1)!, "2")).toBe(burst);
  expect(taken(limits, routes[0]!)).toBe(burst);
  expect(taken(limits, routes[0]!, undefined, "192.0.2.2")).toBe(burst);
});

test("a school renews its sessions all at once, several times over, and logging in is the service's to count", () => {
  const limits = createLimits(true);
  expect(taken(limits, "POST /api/v1/sessions/refresh")).toBe(1200);
  for (const route of ["POST /api/v1/sessions", "POST /api/v1/users", "POST /douyin/user/login"])
    expect(taken(limits, route)).toBe(2000);
});

test("what changes something is counted though no row names it; what only reads is not", () => {
  const limits = createLimits(true);
  expect(taken(limits, "PUT /api/v1/some/new/thing", "1")).toBe(120);
  expect(taken(limits, "POST /api/v1/another", "1")).toBe(0);
  expect(taken(limits, "GET /api/v1/feed", "1")).toBe(2000);
});

test("whoever sends tokens that are none is counted by address", () => {
  const limits = createLimits(true);
  const refuse = (reason: string) => limits.takeUnidentified(request("GET /api/v1/me"), reason);
  for (let i = 0; i < 300; i++) for (const reason of ["TOKEN_INVALID", "LOGIN_REQUIRED"]) refuse(reason);
  for (const reason of ["TOKEN_INVALID", "LOGIN_REQUIRED"])
    expect(() => refuse(reason)).toThrow(expect.objectContaining({ reason: "TOO_MANY_REQUESTS" }));
  // Their neighbours' tokens have only expired: who hears it renews them.
  for (const reason of ["TOKEN_EXPIRED", "SESSION_ENDED"]) refuse(reason);
  expect(taken(limits, "PUT /api/v1/users/:id/follow", "1")).toBeGreaterThan(0);
});

test("DOUYA_LIMITS=off counts nothing", () => {
  expect(taken(createLimits(false), "POST /douyin/comment/action", "1")).toBe(2000);
});
