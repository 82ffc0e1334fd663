import type { Page } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { zh } from "#apps/web/src/i18n/zh.ts";
import { browsing } from "./harness/browser.ts";
import { clip, freshClip } from "./harness/clips.ts";
import { body, type Schemas } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { expiredQuery } from "./harness/signed-query.ts";
import { nowAndThenMs, until } from "./harness/within.ts";

const secret = "a secret of more than 32 bytes, for tests alone";
const film = "document.querySelector('.slide[data-active=true] video')";
/** Waits until an expression about the film in view is true. */
const holds = (page: Page, expression: string) =>
  expect
    .poll(() => page.evaluate(`(() => { const film = ${film}; return Boolean(film && ${expression}); })()`))
    .toBe(true);
const moves = (page: Page, shortSide: number) =>
  holds(
    page,
    `film.currentTime > 0 && !film.paused && Math.min(film.videoWidth, film.videoHeight) === ${shortSide}`,
  );

describe("the player", () => {
  const server = scenario("all", { env: { DOUYA_RUNGS: "90,180", DOUYA_CLUSTER_SECRET: secret } });
  const browser = browsing();
  let ada: Person;
  let videoId: string;
  let next: Schemas["Video"];
  let unlistedId: string;
  beforeAll(async () => {
    ada = await server.register();
    const improved = async (file: Buffer<ArrayBuffer>, title: string) => {
      const { id } = await ada.settled((await ada.publish(file, title)).id);
      const look = async () => {
        const video = body(await server.api<Schemas["Video"]>("GET", `/videos/${id}`));
        return video.hlsUrl !== null && video;
      };
      return until("the rungs", look, nowAndThenMs);
    };
    unlistedId = (await improved(freshClip("upright-8s.mp4"), "By its link")).id;
    body(await ada.patch(`/videos/${unlistedId}`, { json: { visibility: "unlisted" } }));
    next = await improved(freshClip(), "The one after");
    videoId = (await improved(clip("upright-8s.mp4"), "Eight seconds")).id;
  });

  async function watch(device: "phone" | "desk", preferences = {}) {
    const visitor = await browser.visit(server.origin, device);
    const text = JSON.stringify(JSON.stringify(preferences));
    await visitor.page.addInitScript(`localStorage["douya.preferences"] ??= ${text};`);
    const asked: string[] = [];
    visitor.page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await visitor.page.goto("/");
    return { ...visitor, asked };
  }
  async function openMenu(page: Page, more: string) {
    await page.locator(".slide[data-active=true]").getByRole("button", { name: more }).click();
    await page.getByRole("dialog").waitFor();
  }
  async function choose(page: Page, quality: string) {
    await openMenu(page, en.moreActions);
    await page.getByRole("button", { name: en.quality }).click();
    await page.getByRole("radio", { name: quality }).check();
    await page.keyboard.press("Escape");
  }

  test("a short film that is shown at once is its file, the next one is a stream", async () => {
    const { page, asked } = await watch("phone");
    await holds(page, "film.currentTime > 0");
    await expect.poll(() => asked).toContain(`/media/hls/${next.id}/master.m3u8`);
    expect(asked.filter((path) => path.includes(`/hls/${videoId}/`))).toEqual([]);
    await page.keyboard.press("ArrowDown");
    await holds(page, "film.closest('.slide').ariaPosInSet === '2' && film.currentTime > 0");
    expect(asked.filter((path) => next.playUrl!.endsWith(path))).toEqual([]);
  });

  test.each([
    [150, "br", "en", "as browsers get it over TLS"],
    [150, "br", "zh", "as browsers get it over TLS"],
    [150, "gzip", "en", "as they get it without"],
    [150, "gzip", "zh", "as they get it without"],
  ])("what the page names as needed at its beginning is less than %d KB in %s, %s, %s", async (most, encoding, language) => {
    const headers = { "accept-encoding": encoding };
    const page = await (await fetch(`${server.origin}/`)).text();
    const paths = new Set([...page.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g)].map(([, path]) => path!));
    expect(paths.size).toBeGreaterThan(2);
    // One of the two is chosen by a script.
    const words = new RegExp(`"(/assets/${language}-[^"]+\\.js)"`).exec(page);
    expect([...paths].filter((path) => /^\/assets\/(en|zh)-/.test(path))).toEqual([]);
    paths.add(words![1]!);
    let bytes = 0;
    for (const path of paths) {
      const file = await fetch(server.origin + path, { headers });
      // What is very small comes as it is.
      expect(file.headers.get("content-encoding") ?? encoding).toBe(encoding);
      bytes += Number(file.headers.get("content-length"));
      await file.arrayBuffer();
    }
    expect(bytes).toBeGreaterThan(50_000);
    expect(bytes).toBeLessThan(most * 1000);
  });

  test("hls.js plays every rung, switches between them, and goes on where the film was", async () => {
    // Slow, so that it does not begin again while a busy machine switches.
    const { page, asked } = await watch("desk", { speed: 0.5 });
    await holds(page, "film.currentTime > 2");
    await choose(page, "90p");
    await moves(page, 90);
    expect(await page.evaluate(`${film}.currentTime`)).toBeGreaterThan(2);
    expect(asked).toContain(`/media/hls/${videoId}/90.m3u8`);
    expect(asked).not.toContain(`/media/hls/${videoId}/180.m3u8`);
    await choose(page, "180p");
    await moves(page, 180);
    await choose(page, en.auto);
    await holds(page, "film.currentTime > 0 && film.currentSrc.includes('/media/video/')");
  });

  test("what is not public is streamed too, and at a fresh address when its own has expired", async () => {
    const visitor = await watch("desk");
    const { page, asked } = visitor;
    await page.goto(`/video/${unlistedId}`);
    await holds(page, "film.currentTime > 0");
    await choose(page, "90p");
    await moves(page, 90);
    expect(asked).toContain(`/media/hls/${unlistedId}/90.m3u8`);

    const query = expiredQuery(secret, `hls/${unlistedId}`, unlistedId);
    // As a page that was left open has it.
    await page.route(`**/video/${unlistedId}`, async (route) => {
      const response = await route.fetch();
      const text = (await response.text()).replace(
        /"hlsUrl":"([^"?]+)\?[^"]+"/,
        (_, url) => `"hlsUrl":"${url}${query}"`,
      );
      expect(text).toContain(query);
      await route.fulfill({ response, body: text });
    });
    visitor.expectStatus(403);
    const refused = page.waitForResponse((answer) => answer.url().endsWith(query));
    await page.reload();
    expect((await refused).status()).toBe(403);
    await moves(page, 90);
  });

  test("the quality is chosen with keys alone, and told to a screen reader", async () => {
    const { page } = await watch("desk");
    await holds(page, "film.currentTime > 0");
    await page.locator(".slide[data-active=true]").getByRole("button", { name: en.moreActions }).focus();
    await page.keyboard.press("Enter");
    await page.getByRole("button", { name: en.quality }).focus();
    await page.keyboard.press("Enter");
    const auto = page.getByRole("radio", { name: en.auto });
    expect(await auto.isChecked()).toBe(true);
    await auto.focus();
    await page.keyboard.press("ArrowDown");
    expect(await page.getByRole("radio", { name: "180p" }).isChecked()).toBe(true);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Escape");
    await moves(page, 90);
  });

  test("who saves data gets the smallest rung, and nothing ahead", async () => {
    const { page, asked } = await watch("phone");
    await page.goto("/settings");
    const saver = page.getByRole("group", { name: zh.dataSaver });
    await saver.getByRole("radio", { name: zh.on, exact: true }).check();
    asked.length = 0;
    await page.goto("/");
    await moves(page, 90);
    await holds(page, "film.currentTime > 1");
    const ofNext = asked.filter((path) => next.playUrl!.endsWith(path) || path.includes(next.id));
    expect(ofNext).toEqual([]);
    await page.keyboard.press("ArrowDown");
    await holds(page, "film.closest('.slide').ariaPosInSet === '2' && film.currentTime > 0");
  });

  test("the speed stays for the next film", async () => {
    const { page } = await watch("phone");
    await holds(page, "film.currentTime > 0");
    await openMenu(page, zh.moreActions);
    await page.getByRole("button", { name: zh.speed }).click();
    await page.getByRole("radio", { name: zh.timesSpeed(2) }).check();
    await holds(page, "film.playbackRate === 2");
    await page.keyboard.press("Escape");
    await page.keyboard.press("ArrowDown");
    await holds(
      page,
      "film.closest('.slide').ariaPosInSet === '2' && film.playbackRate === 2 && film.currentTime > 0",
    );
  });

  test("the window that floats shows the film in view, and goes on while its page is hidden", async () => {
    const { page } = await watch("desk");
    await holds(page, "film.currentTime > 0");
    await openMenu(page, en.moreActions);
    await page.getByRole("button", { name: en.float }).click();
    await holds(page, "document.pictureInPictureElement === film");
    await page.keyboard.press("ArrowDown");
    const second = "film.closest('.slide').ariaPosInSet === '2'";
    await holds(page, `${second} && document.pictureInPictureElement === film && film.currentTime > 0`);
    await page.evaluate(`
      Object.defineProperty(document, "hidden", { value: true });
      document.dispatchEvent(new Event("visibilitychange"));`);
    const atS = await page.evaluate(`${film}.currentTime`);
    await holds(page, `!film.paused && film.currentTime !== ${atS}`);
    await page.evaluate("document.exitPictureInPicture()");
    await holds(page, "film.paused");
  });

  test("a mouse at the seek bar shows the picture and the time to which a press leads, and the film goes on", async () => {
    const { page, asked } = await watch("desk");
    await holds(page, "film.currentTime > 0");
    expect(asked.filter((path) => path.endsWith(".vtt"))).toEqual([]);
    const slide = page.locator(".slide[data-active=true]");
    const glance = slide.locator(".scrubber-glance");
    const opacity = () =>
      glance.evaluate((shown): string => shown.ownerDocument.defaultView.getComputedStyle(shown).opacity);
    const still = () => slide.locator(".scrubber-still").evaluate((shown): string => shown.style.background);
    const bar = (await slide.locator(".scrubber input").boundingBox())!;
    const pointAt = (share: number) =>
      page.mouse.move(bar.x + bar.width * share, bar.y + bar.height / 2, { steps: 3 });
    expect(await opacity()).toBe("0");
    await pointAt(0.1);
    await expect.poll(opacity).toBe("1");
    await expect.poll(still).toContain("/media/");
    const early = await still();
    await pointAt(0.75);
    await expect.poll(() => glance.textContent()).toBe("0:06");
    await expect.poll(still).not.toBe(early);
    const { x, width } = (await glance.boundingBox())!;
    expect(Math.abs(x + width / 2 - (bar.x + bar.width * 0.75))).toBeLessThan(2);
    await holds(page, "!film.paused && film.currentTime < 5");
    expect(await glance.getAttribute("aria-hidden")).toBe("true");
    // At the end it does not leave the bar.
    await pointAt(1);
    const atEnd = (await glance.boundingBox())!;
    expect(atEnd.x + atEnd.width).toBeLessThanOrEqual(bar.x + bar.width + 1);
    await page.mouse.move(bar.x, bar.y - 200);
    await expect.poll(opacity).toBe("0");
    await slide.locator(".scrubber input").focus();
    expect(await opacity()).toBe("0");
    await pointAt(0.75);
    await page.mouse.down();
    await page.mouse.up();
    await holds(page, "film.currentTime >= 6 && film.currentTime < 7.5");
  });

  test("what pauses or plays the film from outside of the page, such as the window that floats, is told to the page", async () => {
    const { page } = await watch("desk");
    // Nothing here can press the buttons of that window.
    await page.addInitScript(`
      const { mediaSession } = navigator;
      window.press = {};
      const set = mediaSession.setActionHandler.bind(mediaSession);
      mediaSession.setActionHandler = (action, act) => set(action, (window.press[action] = act));`);
    await page.reload();
    // The film may move before the page has said what it listens to.
    await holds(page, "film.currentTime > 0 && !film.paused && press.pause && press.play");
    const tapArea = page.locator(".slide[data-active=true] .stage-tap");
    await page.evaluate("press.pause()");
    await holds(page, "film.paused");
    await expect.poll(() => tapArea.getAttribute("aria-label")).toBe(en.play);
    // The page's own button goes on from there.
    await tapArea.click();
    await holds(page, "!film.paused");
    await page.evaluate("press.pause()");
    await holds(page, "film.paused");
    await page.evaluate("press.play()");
    await holds(page, "!film.paused");
    await expect.poll(() => tapArea.getAttribute("aria-label")).toBe(en.pause);
  });

  test("a stream whose line was away plays when it is back", async () => {
    const visitor = await watch("desk");
    const { page } = visitor;
    visitor.expectComplaint(/ERR_INTERNET_DISCONNECTED|Failed to fetch|net::/);
    await choose(page, "90p");
    await moves(page, 90);
    await page.context().setOffline(true);
    await choose(page, "180p");
    await page.locator(".stage-failed, .stage-busy").first().waitFor();
    await page.context().setOffline(false);
    await moves(page, 180);
  });
});
