import { expect, it, vi } from "vitest";
import { asProblem, problemFrom } from "./problem.ts";

it("reads a problem+json body, parsed or not", () => {
  const body = {
    reason: "NAME_TAKEN",
    detail: "Taken.",
    retryAfterMs: 5,
    errors: [{ path: "a", message: "b" }],
  };
  for (const form of [body, JSON.stringify(body)]) {
    expect(problemFrom(409, form, null)).toMatchObject({
      status: 409,
      ...{ reason: "NAME_TAKEN", retryAfterMs: 5 },
    });
    expect(problemFrom(409, form, null).fields).toEqual(body.errors);
  }
});
it("reads a proxy's page, an empty answer and a broken connection", () => {
  expect(problemFrom(502, "<html>", null).reason).toBe("HTTP_502");
  expect(problemFrom(500, undefined, null).reason).toBe("HTTP_500");
  expect(asProblem(new TypeError("Failed to fetch"))).toMatchObject({ status: 0, reason: "NETWORK" });
});

it("a proxy says in a header when to retry", () => {
  expect(problemFrom(503, "<html>", "30").retryAfterMs).toBe(30_000);
  expect(problemFrom(503, { retryAfterMs: 5 }, "30").retryAfterMs).toBe(30_000);
  expect(problemFrom(503, { retryAfterMs: 40_000 }, "30").retryAfterMs).toBe(40_000);
});

it("Retry-After may be a date; one that has passed, or is none, says nothing", () => {
  vi.useFakeTimers({ now: Date.parse("2026-11-28T02:00:00Z") });
  const waitMs = (retryAfter: string) => problemFrom(503, "", retryAfter).retryAfterMs;
  expect(waitMs("Sat, 28 Nov 2026 02:00:20 GMT")).toBe(20_000);
  expect(waitMs("Sat, 28 Nov 2026 01:59:00 GMT")).toBeUndefined();
  expect(waitMs("soon")).toBeUndefined();
  expect(waitMs("-5")).toBeUndefined();
  // A browser's timer cannot count a month: it would end at once.
  expect(waitMs("99999999999")).toBe(24 * 3_600_000);
  vi.useRealTimers();
});
