import type { Request } from "playwright-core";
import { describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { browsing, loggedIn, type Visitor } from "./harness/browser.ts";
import { send } from "./harness/http-client.ts";
import { scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

describe("a server that says when to come back", () => {
  const server = scenario("all", { env: { DOUYA_LIMITS: "on" } });
  const browser = browsing();

  /** How long after each refusal the same was asked again, and how long the server had said, in ms. */
  function watchWaits({ page }: Visitor, path: string): { waitedMs: number; saidMs: number }[] {
    const waits: { waitedMs: number; saidMs: number }[] = [];
    let refused: { atMs: number; saidMs: number } | undefined;
    const startOf = (request: Request) => request.timing().startTime;
    page.on("response", async (response) => {
      const request = response.request();
      if (new URL(response.url()).pathname !== path) return;
      // The browser's own clock: what is told of it here may come late.
      if (refused) waits.push({ waitedMs: startOf(request) - refused.atMs, saidMs: refused.saidMs });
      const saidMs = Number(response.headers()["retry-after"]) * 1000;
      refused =
        response.status() < 400
          ? undefined
          : { atMs: startOf(request) + request.timing().responseStart, saidMs };
    });
    return waits;
  }

  test("a limit that is reached is shown with its time, and what was read is read again by itself, not sooner", async () => {
    const ada = await server.register();
    const visitor = await browser.visit(server.origin, "desk", loggedIn(server.origin, ada.session));
    const { page } = visitor;
    visitor.expectStatus(429);
    const waits = watchWaits(visitor, "/api/v1/sessions");
    let asking = true;
    // Another device of hers takes all that she may ask for, as long as the test wants it.
    const greedy = (async () => {
      const other = `${server.origin}/api/v1/sessions`;
      while (asking)
        await Promise.all(
          Array.from({ length: 10 }, () => send("GET", other, { token: ada.session.accessToken })),
        );
    })();
    try {
      await until("the limit is reached", async () => {
        const answer = await send("GET", `${server.origin}/api/v1/sessions`, {
          token: ada.session.accessToken,
        });
        return answer.status === 429;
      });
      const devices = page.locator(".devices li").first();
      const wait = page.getByRole("alert").getByRole("button", { name: /^Retry in \d+ seconds?$/ });
      // A page that asks in the moment in which there is room again is answered.
      await until("a refusal", async () => {
        await page.goto("/settings");
        await wait.or(devices).waitFor();
        return !(await devices.isVisible());
      });
      await wait.waitFor();
      expect(await wait.isDisabled()).toBe(true);
      await expect.poll(() => waits.length).toBeGreaterThan(0);
    } finally {
      asking = false;
      await greedy;
    }
    await page.locator(".devices li").first().waitFor();
    expect(waits.filter(({ waitedMs, saidMs }) => waitedMs < saidMs)).toEqual([]);
  });

  test("neither polling nor a page that is opened again asks sooner", async () => {
    const ada = await server.register();
    const visitor = await browser.visit(server.origin, "desk", loggedIn(server.origin, ada.session));
    const { page } = visitor;
    visitor.expectStatus(503);
    let asked = 0;
    await page.route("**/api/v1/rankings/*", (route) => {
      asked++;
      return route.fulfill({ status: 503, headers: { "retry-after": "3600" } });
    });
    let polled = 0;
    await page.route("**/api/v1/me/unread", (route) => {
      polled++;
      return route.fulfill({ status: 503, headers: { "retry-after": "3600" } });
    });
    await page.goto("/hot");
    const later = page.getByRole("alert").getByRole("button", { name: en.retryIn(3_600_000) });
    await later.waitFor();
    for (const _again of [1, 2]) {
      await page.getByRole("link", { name: en.home }).click();
      await page.getByRole("link", { name: en.hot }).click();
      await later.waitFor();
      // What asks when a page is shown again does so.
      await page.evaluate(`document.dispatchEvent(new Event("visibilitychange"))`);
    }
    await expect.poll(() => polled).toBeGreaterThan(0);
    expect([asked, polled]).toEqual([1, 1]);
  });
});
