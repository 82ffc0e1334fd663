import { expect, it } from "vitest";
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
  expect(problemFrom(503, { retryAfterMs: 5 }, "30").retryAfterMs).toBe(5);
  expect(problemFrom(503, "", "Sat, 28 Nov 2026 02:00:00 GMT").retryAfterMs).toBeUndefined();
});
