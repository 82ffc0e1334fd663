import type { Page } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { browsing, holdRequests, loggedIn } from "./harness/browser.ts";
import { freshClip } from "./harness/clips.ts";
import { copyVideo } from "./harness/fill-feed.ts";
import { swipe } from "./harness/gestures.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

/** Waits until an expression is true in the page. */
const holds = (page: Page, expression: string) =>
  expect.poll(() => page.evaluate(`Boolean(${expression})`)).toBe(true);

describe("a browser that lets no page keep anything", () => {
  const server = scenario("all");
  const browser = browsing();
  let ada: Person;
  beforeAll(async () => {
    ada = await server.register();
    await ada.settled((await ada.publish(freshClip(), "Kept nowhere")).id);
  });

  test("plays the feed, logs in, and likes", async () => {
    const { page } = await browser.visit(server.origin, "desk", { siteDataBlocked: true });
    await page.goto("/login");
    await expect(page.evaluate("localStorage")).rejects.toThrow(/Access is denied/);
    await page.getByLabel(en.username).fill(ada.username);
    await page.getByRole("textbox", { name: en.password, exact: true }).fill(ada.password);
    await page.getByRole("button", { name: en.logIn }).click();
    await page.locator("article", { hasText: "Kept nowhere" }).waitFor();
    await holds(page, "[...document.querySelectorAll('video')].some((one) => one.currentTime > 0)");
    await page.locator(".rail-like").first().click();
    await page.locator(".rail-like[aria-pressed=true]").waitFor();
  });
});

describe("the first film and the next", () => {
  const server = scenario("all");
  const browser = browsing();
  let ada: Person;
  let videoId: string;
  /** A browser renews its session at the start, and no two may do so with one token. */
  const asAda = async () => loggedIn(server.origin, (await server.logIn(ada.username, ada.password)).session);
  beforeAll(async () => {
    ada = await server.register();
    videoId = (await ada.settled((await ada.publish(freshClip(), "</script> first & last")).id)).id;
    await copyVideo(server.deployment.databaseUrl, videoId, 3, (i) => Date.now() - 60_000 * (i + 1));
  });
  /** Runs before the page's own scripts: records what its films did, and how far their list was scrolled. */
  const watchFilms = `
    window.played = [];
    addEventListener("play", ({ target }) => {
      const list = document.querySelector(".feed-scroller");
      played.push({
        brought: target.hasAttribute("autoplay") || target.closest("#first-screen") !== null,
        scrolled: list ? list.scrollTop / list.clientHeight : 0,
      });
    }, true);
    addEventListener("emptied", ({ target }) => { if (!target.src) window.emptied = true; }, true);`;

  test.each([
    "/",
    "video",
  ] as const)("%s brings its answer and its film along: the client asks for neither", async (path) => {
    const { page } = await browser.visit(server.origin, "phone");
    await page.addInitScript(watchFilms);
    const asked: string[] = [];
    page.on("request", (request) => asked.push(request.url().slice(server.origin.length)));
    await page.goto(path === "/" ? "/" : `/video/${videoId}`);
    await page.locator(".slide[data-active=true] .caption", { hasText: "</script> first & last" }).waitFor();
    await holds(page, "document.querySelector('.slide[data-active=true] video')?.currentTime > 0");
    expect(await page.locator("#first-screen").count()).toBe(0);
    expect(asked).not.toContain(path === "/" ? "/api/v1/feed?limit=10" : `/api/v1/videos/${videoId}`);
    expect(await page.evaluate("played[0]")).toEqual({ brought: true, scrolled: 0 });
    // The client took over the same element; a new one would have started again.
    const paths = new Set(asked.filter((one) => one.startsWith("/media/video/")));
    expect(paths.size).toBe(1);
    expect(await page.evaluate("window.emptied")).toBeUndefined();
  });

  test("a member with their own feed does not see the guest's", async () => {
    const { page } = await browser.visit(server.origin, "phone", await asAda());
    await page.addInitScript(`addEventListener("DOMContentLoaded", () => {
      window.shown = getComputedStyle(document.getElementById("first-screen")).visibility;
    });`);
    const asked = page.waitForRequest((request) => new URL(request.url()).pathname === "/api/v1/feed");
    await page.goto("/");
    expect((await asked).headers().authorization).toMatch(/^Bearer /);
    expect(await page.evaluate("shown")).toBe("hidden");
    await holds(page, "document.querySelector('.slide[data-active=true] video')?.currentTime > 0");
  });

  test("a viewer who begins with the following feed does not load the first film of the other", async () => {
    const { page } = await browser.visit(server.origin, "phone", await asAda());
    await page.addInitScript(`localStorage.setItem("douya.preferences", '{"feedTab":"following"}')`);
    const release = await holdRequests(page, "**/*.js");
    await page.goto("/", { waitUntil: "commit" });
    await page.locator("noscript").waitFor({ state: "attached" });
    expect(await page.locator("#first-screen").count()).toBe(0);
    const asked = page.waitForRequest(
      (request) => new URL(request.url()).pathname === "/api/v1/feed/following",
    );
    release();
    expect((await asked).headers().authorization).toMatch(/^Bearer /);
  });

  test.each(["/settings", "/video/:id"])("a member's session is renewed before %s is drawn", async (path) => {
    const { page } = await browser.visit(server.origin, "desk", await asAda());
    await page.addInitScript(`const send = window.fetch;
      window.fetch = (request, init) => {
        const drawn = document.getElementById("root").childElementCount > 0;
        window.first ??= { path: new URL(request.url).pathname, drawn };
        return send(request, init);
      };`);
    await page.goto(path.replace(":id", videoId));
    await holds(page, "window.first");
    expect(await page.evaluate("first")).toEqual({ path: "/api/v1/sessions/refresh", drawn: false });
    await page.locator("h1").first().waitFor({ state: "attached" });
  });

  test("the next film plays from the key on, and not only when it has arrived", async () => {
    const { page } = await browser.visit(server.origin, "desk");
    await page.addInitScript(watchFilms);
    await page.goto("/");
    await holds(page, "document.querySelector('.slide[data-active=true] video')?.currentTime > 0");
    await page.evaluate("played.length = 0");
    await page.keyboard.press("ArrowDown");
    await holds(page, "played.length > 0");
    expect(await page.evaluate("played[0].scrolled")).toBeLessThan(0.5);
    await holds(page, "document.querySelectorAll('.slide')[1].querySelector('video').currentTime > 0");
  });

  test("two quick keys are two films, a third comes back", async () => {
    const { page } = await browser.visit(server.origin, "desk");
    await page.goto("/");
    const active = page.locator(".slide[data-active=true]");
    // It is there once the page listens to keys.
    await active.locator("video").waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("ArrowDown");
    await page.locator(".slide:nth-child(3)[data-active=true] video").waitFor();
    await holds(
      page,
      "document.querySelectorAll('.slide')[2].getBoundingClientRect().top === document.querySelector('.feed-scroller').getBoundingClientRect().top",
    );
    await expect.poll(() => active.getAttribute("aria-posinset")).toBe("3");
    await page.keyboard.press("ArrowUp");
    await expect.poll(() => active.getAttribute("aria-posinset")).toBe("2");
  });

  test.each([
    ["reduce", 8],
    ["no-preference", 2],
  ] as const)("every key is a film on a slow machine too, with motion: %s", async (reducedMotion, rounds) => {
    const { page, devtools } = await browser.visit(server.origin, "desk", { reducedMotion });
    await page.goto("/");
    const active = page.locator(".slide[data-active=true]");
    await active.locator("video").waitFor();
    await devtools.send("Emulation.setCPUThrottlingRate", { rate: 4 });
    for (let round = 0; round < rounds; round++)
      for (const [key, last] of [
        ["ArrowDown", "4"],
        ["ArrowUp", "1"],
      ] as const) {
        for (let press = 0; press < 3; press++) await page.keyboard.press(key);
        // It has arrived, and the browser's scroll events have been handled.
        await holds(
          page,
          `document.querySelector(".slide:nth-child(${last})").getBoundingClientRect().top === 0`,
        );
        await page.evaluate("new Promise((resolve) => setTimeout(() => requestAnimationFrame(resolve), 50))");
        await expect
          .poll(() => active.getAttribute("aria-posinset"), { message: `${key} ${round}` })
          .toBe(last);
      }
  });

  test("a flick of the finger plays the next film before half of it is in view", async () => {
    const visitor = await browser.visit(server.origin, "phone");
    const { page } = visitor;
    await page.addInitScript(watchFilms);
    // The list goes on where the script stands still, as on a busy machine: once it does not.
    await until("the next film plays early", async () => {
      await page.goto("/");
      await holds(page, "document.querySelector('.slide[data-active=true] video')?.currentTime > 0");
      await page.evaluate("played.length = 0");
      await swipe(visitor, -200);
      await holds(page, "played.length > 0");
      const scrolled: number = await page.evaluate("played[0].scrolled");
      await page.locator(".slide:nth-child(2)[data-active=true]").waitFor();
      return scrolled < 0.5;
    });
  });

  test("covers of later films wait for the first to play", async () => {
    const { page } = await browser.visit(server.origin, "phone");
    // A film that does not arrive: nothing else may load before it.
    const release = await holdRequests(page, "**/media/video/*");
    await page.goto("/");
    await page.locator(".slide[data-active=true] .rail").waitFor();
    expect(await page.locator(".slide:nth-child(1) .stage-cover").count()).toBe(1);
    expect(await page.locator(".slide:nth-child(2) .stage-cover").count()).toBe(0);
    release();
    await page.locator(".slide:nth-child(2) .stage-cover").waitFor({ state: "attached" });
  });

  test.each([
    "phone",
    "desk",
  ] as const)("the film stays where the page put it when the client takes it, on a %s", async (device) => {
    const { page } = await browser.visit(server.origin, device);
    const place = () => page.locator(".stage").first().boundingBox();
    const release = await holdRequests(page, "**/*.js");
    await page.goto("/", { waitUntil: "commit" });
    await page.locator("#first-screen .stage").waitFor();
    await holds(page, "document.querySelector('#first-screen video').readyState >= 2");
    const before = await place();
    release();
    await page.locator("#first-screen").waitFor({ state: "detached" });
    expect(await place()).toEqual(before);
  });
});
