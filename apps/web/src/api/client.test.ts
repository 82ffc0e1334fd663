import { afterEach, expect, it, vi } from "vitest";
import { afterFailures, againMs, createSender, isSoonOver, isTransient, refreshSession } from "./client.ts";
import { Problem } from "./problem.ts";
import { createRetryHints } from "./retry-hints.ts";
import type { SessionStore } from "./session.ts";
import type { User } from "./types.ts";

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

it("retries no sooner than told, never at once, and not in the moment in which all others do", () => {
  for (const [error, ms] of [
    [busy(60_000), 60_000],
    [busy(1000), 5000],
    [busy(), 5000],
  ] as const) {
    expect(againMs(error, 5000)).toBeGreaterThanOrEqual(ms);
    expect(againMs(error, 5000)).toBeLessThanOrEqual(ms * 1.5);
    // Timers are set anew with each rendering, and must not begin anew.
    expect(againMs(error, 5000)).toBe(againMs(error, 5000));
  }
  const comeBack = new Set(Array.from({ length: 100 }, () => Math.round(againMs(busy(60_000), 0) / 1000)));
  expect(comeBack.size).toBeGreaterThan(8);
  expect(againMs(new TypeError("Failed to fetch"), 5000)).toBe(5000);
});

it("retries when the server said at first, and less and less often while it fails", () => {
  const offline = new TypeError("Failed to fetch");
  const waits = [1, 2, 3, 4, 5, 50].map((failures) => afterFailures(offline, failures));
  expect(waits).toEqual([5000, 10_000, 20_000, 40_000, 40_000, 40_000]);
  expect(afterFailures(busy(1000), 1)).toBeLessThanOrEqual(1500);
  expect(afterFailures(busy(1000), 2)).toBeGreaterThanOrEqual(10_000);
  expect(afterFailures(busy(60_000), 2)).toBeGreaterThanOrEqual(60_000);
});

it("waits silently only where the server does not say when to come back", () => {
  expect(isSoonOver(busy())).toBe(true);
  expect(isSoonOver(busy(1000))).toBe(false);
  expect(isSoonOver(new Problem(0))).toBe(true);
  expect(isSoonOver(busy(60_000))).toBe(false);
  expect(isSoonOver(new Problem(404))).toBe(false);
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

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
  await expect(refreshSession(undefined, createRetryHints())).rejects.toMatchObject({
    status: 503,
    retryAfterMs: 30_000,
  });
});

it("what one person did is not sent again as another who has logged in meanwhile", async () => {
  vi.stubGlobal("navigator", { cookieEnabled: true });
  const asked: (string | null)[] = [];
  vi.stubGlobal("fetch", async (request: Request) => {
    asked.push(request.headers.get("authorization"));
    return new Response(JSON.stringify({ reason: "TOKEN_EXPIRED" }), { status: 401 });
  });
  const post = (later: User | null) => {
    let user: User | null = { id: "1" } as User;
    const session = {
      user: () => user,
      accessToken: async () => "first",
      async renew() {
        user = later;
        return later && "second";
      },
    } as unknown as SessionStore;
    return createSender(
      session,
      createRetryHints(),
    )(new Request("http://douya.example/", { method: "POST" }));
  };
  expect((await post({ id: "2" } as User)).status).toBe(401);
  expect(asked.splice(0)).toEqual(["Bearer first"]);
  await post({ id: "1" } as User);
  expect(asked.splice(0)).toEqual(["Bearer first", "Bearer second"]);
  await post(null);
  expect(asked).toEqual(["Bearer first", null]);
});

it("a file may take longer to send than words", async () => {
  vi.stubGlobal("navigator", { cookieEnabled: true });
  vi.stubGlobal("fetch", async () => new Response());
  const session = { user: () => null, accessToken: async () => "first" } as unknown as SessionStore;
  const send = createSender(session, createRetryHints());
  const limitOf = async (type: string) => {
    const timeout = vi.spyOn(AbortSignal, "timeout");
    await send(
      new Request("http://douya.example/", { method: "PUT", body: "x", headers: { "content-type": type } }),
    );
    return timeout.mock.lastCall![0];
  };
  // A megabyte a minute is a slow line, and a cover may have eight.
  expect(await limitOf("image/jpeg")).toBeGreaterThanOrEqual(8 * 60_000);
  expect(await limitOf("application/json")).toBeLessThanOrEqual(20_000);
});
