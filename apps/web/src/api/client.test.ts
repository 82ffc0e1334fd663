import { afterEach, expect, it, vi } from "vitest";
import { againMs, isSoonOver, isTransient, refreshSession } from "./client.ts";
import { Problem } from "./problem.ts";

const busy = (retryAfterMs?: number) => new Problem(429, { reason: "BUSY", retryAfterMs });

it("retries after network errors, server errors and rate limits, and nothing else", () => {
  const passing = [
    new TypeError("Failed to fetch"),
    new Problem(0),
    busy(),
    new Problem(500),
    new Problem(503),
  ];
  expect(passing.filter((error) => !isTransient(error))).toEqual([]);
  expect([400, 401, 403, 404, 409, 413].filter((status) => isTransient(new Problem(status)))).toEqual([]);
});

it("retries no sooner than told, and never at once", () => {
  expect(againMs(busy(60_000), 5000)).toBe(60_000);
  expect(againMs(busy(1000), 5000)).toBe(5000);
  expect(againMs(busy(), 5000)).toBe(5000);
  expect(againMs(new TypeError("Failed to fetch"), 5000)).toBe(5000);
});

it("waits silently only for short outages", () => {
  expect(isSoonOver(busy(1000))).toBe(true);
  expect(isSoonOver(new Problem(0))).toBe(true);
  expect(isSoonOver(busy(60_000))).toBe(false);
  expect(isSoonOver(new Problem(404))).toBe(false);
});

afterEach(() => vi.unstubAllGlobals());

it("a renewal that a busy server or a proxy refuses knows when to retry", async () => {
  vi.stubGlobal("navigator", { cookieEnabled: true });
  vi.stubGlobal(
    "Request",
    class extends Request {
      constructor(path: string, init: RequestInit) {
        super(new URL(path, "http://douya.example"), init);
      }
    },
  );
  vi.stubGlobal(
    "fetch",
    async () => new Response("<html>", { status: 503, headers: { "retry-after": "30" } }),
  );
  await expect(refreshSession(undefined)).rejects.toMatchObject({ status: 503, retryAfterMs: 30_000 });
});
