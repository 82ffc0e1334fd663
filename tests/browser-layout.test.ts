import pg from "pg";
import type { Locator, Page } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { zh } from "#apps/web/src/i18n/zh.ts";
import { browsing, loggedIn } from "./harness/browser.ts";
import { freshClip } from "./harness/clips.ts";
import { body } from "./harness/http-client.ts";
import { contrastOf, overflowPx } from "./harness/page-checks.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

const windows = [
  [900, 700],
  // 1440 × 900 at 150 % and 1280 × 800 at 125 %.
  [960, 600],
  [1024, 641],
  [1024, 768],
  [1100, 481],
  [1280, 560],
  [1366, 768],
  [1920, 1080],
  [2560, 1440],
] as const;

describe("the layout", () => {
  const server = scenario("all");
  const browser = browsing();
  let ada: Person;
  let upright: string;
  let wide: string;
  beforeAll(async () => {
    ada = await server.register();
    [upright, wide] = [
      await ada.settled((await ada.publish(freshClip(), "Upright")).id),
      await ada.settled(
        (await ada.publish(freshClip(), `Wide, ${"with a title longer than a line, ".repeat(3)}`)).id,
      ),
    ].map(({ id }) => id) as [string, string];
    const client = new pg.Client({ connectionString: server.deployment.databaseUrl });
    await client.connect();
    await client.query("update video.video set width = 720, height = 1280 where id = $1", [upright]);
    await client.query("update video.video set width = 1280, height = 720 where id = $1", [wide]);
    await client.end();
  });
  const still = { reducedMotion: "reduce" } as const;

  test("film, tabs, rail and arrows are where they belong in windows of every size", async () => {
    const { page } = await browser.visit(server.origin, "desk", still);
    for (const comments of ["", "comments"]) {
      // The newest is wide, the one before it upright.
      await page.goto(`/?${comments}`);
      for (const shape of ["wide", "upright"]) {
        const slide = page.locator("article[data-active=true]", { hasText: new RegExp(shape, "i") });
        await slide.waitFor();
        if (comments) await page.getByRole("complementary").waitFor();
        for (const [width, height] of windows) {
          await page.setViewportSize({ width, height });
          // Elements take a moment to reach their places.
          await until(`${shape} ${comments} ${width} × ${height}`, () => isInPlace(page, slide, shape));
        }
        if (shape === "wide") await page.getByRole("button", { name: en.next }).click();
      }
    }
  });

  test("the help of the keys has two columns within its own", async () => {
    for (const locale of ["en-US", "zh-CN"]) {
      const { page } = await browser.visit(server.origin, "desk", { ...still, locale });
      await page.goto("/");
      await page.locator(".nav-keys").waitFor();
      for (const [width, height] of [
        [1200, 741],
        [2560, 1440],
      ] as const) {
        await page.setViewportSize({ width, height });
        await until(`${locale} ${width} × ${height}`, () => areInColumns(page));
      }
    }
  });

  async function areInColumns(page: Page) {
    const hints = page.locator(".nav-keys");
    const column = await boxOf(hints);
    expect(isIn(column, await boxOf(page.locator(".nav"))), `it is in the navigation`).toBe(true);
    expect(apart(column, await boxOf(page.locator(".nav nav")), 8), `below the pages`).toBe(true);
    const words = await boxesOf(hints.locator("dd"));
    expect(new Set(words.map(({ left }) => left)).size, `they begin on one line`).toBe(1);
    for (const word of words) expect(isIn(word, column)).toBe(true);
    for (const key of await boxesOf(hints.locator("dt"))) expect(key.right).toBeLessThan(words[0]!.left);
    return true;
  }

  async function isInPlace(page: Page, slide: Locator, shape: string) {
    const film = await boxOf(slide.locator(".stage"));
    const rail = await boxOf(slide.locator(".rail"));
    const arrows = await boxOf(page.locator(".feed-arrows"));
    const tabs = await boxOf(
      page.locator(".feed-tabs button").first(),
      page.locator(".feed-tabs button").last(),
    );
    const room = await boxOf(page.locator(".feed"));
    expect(Math.abs(middle(film) - middle(room)), `the film is in the middle`).toBeLessThan(2);
    expect(Math.abs(middle(tabs) - middle(film)), `the tabs are above its middle`).toBeLessThan(2);
    expect(rail.left - film.right, `the rail is beside it`).toBeGreaterThanOrEqual(0);
    expect(rail.left - film.right, `the rail is near it`).toBeLessThan(24);
    if (film.height >= rail.height)
      expect(Math.abs(rail.bottom - film.bottom), `they end on one line`).toBeLessThan(
        room.height > 640 ? 2 : room.height,
      );
    expect(apart(rail, arrows, 8), `the arrows are not on the rail`).toBe(true);
    expect(apart(film, arrows), `the arrows are not on the film`).toBe(true);
    for (const [name, box] of Object.entries({ film, rail, arrows }))
      expect(isIn(box, room), `${name} is in the window`).toBe(true);
    for (const word of await boxesOf(slide.locator(".rail-button > span:visible")))
      expect(isIn(word, room), `${word.text} is whole`).toBe(true);
    const ratio = film.width / film.height;
    expect(ratio, `its shape`).toBeCloseTo(shape === "wide" ? 16 / 9 : 9 / 16, 1);
    const left = Math.min(room.width - film.width, room.height - film.height);
    expect(left, `it uses the room`).toBeLessThan(190);
    expect(await overflowPx(page.locator("body"))).toBe(0);
    return true;
  }

  test("on phones of every size nothing is cut off, and the film may fill the screen", async () => {
    const { page } = await browser.visit(server.origin, "phone", still);
    await page.goto("/");
    const slide = page.locator("article[data-active=true]");
    await slide.locator("video").waitFor();
    for (const [width, height] of [
      [390, 844],
      [844, 390],
      [667, 375],
      [320, 568],
    ] as const) {
      const at = `${width} × ${height}`;
      const screen = { left: 0, top: 0, right: width, bottom: height, width, height };
      await until(at, async () => {
        // The end of the full screen before may take it back.
        await page.setViewportSize({ width, height });
        for (const part of await boxesOf(slide.locator(".rail > :visible, .caption > *, .stage-full")))
          expect(isIn(part, screen), part.text).toBe(true);
        const full = await boxOf(slide.locator(".stage-full"));
        expect(
          apart(full, await boxOf(slide.locator(".caption"))),
          `${at}: its button is not on the words`,
        ).toBe(true);
        const tabs = await boxOf(page.locator(".feed-tabs button").last());
        return apart(tabs, await boxOf(slide.locator(".rail")));
      });
      await slide.getByRole("button", { name: zh.fullscreen }).tap();
      await expect
        .poll(() => page.evaluate("document.fullscreenElement?.className"), { message: at })
        .toBe("feed");
      await slide.getByRole("button", { name: zh.fullscreenEnd }).tap();
      await expect.poll(() => page.evaluate("document.fullscreenElement"), { message: at }).toBe(null);
    }
    await slide.getByRole("button", { name: zh.comments, exact: false }).first().tap();
    await expect
      .poll(() => page.evaluate("getComputedStyle(document.querySelector('.stage-full')).opacity"))
      .toBe("0");
  });

  test("words and signs over a white film can be read", async () => {
    for (const viewport of [
      { width: 390, height: 844 },
      { width: 844, height: 390 },
    ]) {
      const { page } = await browser.visit(server.origin, "phone", { ...still, viewport });
      await page.goto("/");
      const slide = page.locator("article[data-active=true]");
      await slide.locator("video").waitFor();
      await slide.locator(".stage").evaluate((stage) => {
        stage.style.background = "#fff";
        for (const picture of stage.querySelectorAll("img, .stage-holder")) picture.style.display = "none";
      });
      const words = [
        ".rail-button > span:not(.rail-icon):not(.unseen):visible",
        ".caption-author a",
        ".caption-title",
      ];
      for (const word of words)
        for (const one of await slide.locator(word).all())
          expect(await contrastOf(one), `${await one.textContent()} ${viewport.width}`).toBeGreaterThan(4.5);
      for (const sign of await slide.locator(".rail-icon:visible").all())
        expect(await contrastOf(sign), `a sign ${viewport.width}`).toBeGreaterThan(3);
    }
  });

  test("an error of the film is not under the face on it", async () => {
    const visitor = await browser.visit(server.origin, "phone", {
      ...still,
      viewport: { width: 320, height: 568 },
    });
    visitor.expectComplaint(/./);
    const { page } = visitor;
    await page.route("**/media/**.mp4", (route) => route.fulfill({ status: 200, body: "no film" }));
    await page.goto("/");
    const slide = page.locator("article[data-active=true]");
    const failure = slide.locator(".stage-failed");
    await failure.waitFor();
    const rail = await boxOf(slide.locator(".rail"));
    for (const part of await boxesOf(failure.locator("> *"))) expect(apart(part, rail)).toBe(true);
  });

  test("the bar of a phone blurs what is under it, and a dialog what is behind it", async () => {
    const { page } = await browser.visit(server.origin, "phone", still);
    await page.goto("/hot");
    const blurOf = (one: Locator) =>
      one.evaluate((element) => element.ownerDocument.defaultView.getComputedStyle(element).backdropFilter);
    expect(await blurOf(page.locator(".nav"))).toMatch(/blur/);
    // The minifier once removed the property without a prefix, which most browsers need.
    const sheets = await page.evaluate(`Promise.all(
      [...document.querySelectorAll("link[rel=stylesheet]")].map(({ href }) => fetch(href).then((it) => it.text())))`);
    const rules = (sheets as string[]).join("").split("}");
    const prefixed = rules.filter((rule) => rule.includes("-webkit-backdrop-filter"));
    expect(prefixed.filter((rule) => !/[;{]backdrop-filter/.test(rule))).toEqual([]);
  });

  test("both sides of a conversation are close together on a wide screen", async () => {
    const bob = await server.register();
    body(await bob.post(`/conversations/${ada.id}/messages`, { json: { content: "Hello" } }), 201);
    body(await ada.post(`/conversations/${bob.id}/messages`, { json: { content: "Hello yourself" } }), 201);
    const session = (await server.logIn(ada.username, ada.password)).session;
    const { page } = await browser.visit(server.origin, "desk", {
      ...loggedIn(server.origin, session),
      viewport: { width: 2560, height: 1440 },
    });
    await page.goto(`/messages/${bob.id}`);
    const [theirs, own] = [
      page.locator("[data-theirs=true] .bubble"),
      page.locator("[data-theirs=false] .bubble"),
    ];
    await own.waitFor();
    expect((await boxOf(own)).right - (await boxOf(theirs)).left).toBeLessThan(900);
    const field = await boxOf(page.getByLabel(en.writeMessage));
    expect(field.width).toBeLessThan(900);
  });
});

interface Box {
  left: number;
  top: number;
  right: number;
  bottom: number;
  width: number;
  height: number;
}

async function boxOf(...parts: Locator[]): Promise<Box> {
  const boxes = await Promise.all(parts.map(async (part) => (await part.boundingBox())!));
  const left = Math.min(...boxes.map(({ x }) => x));
  const top = Math.min(...boxes.map(({ y }) => y));
  const right = Math.max(...boxes.map(({ x, width }) => x + width));
  const bottom = Math.max(...boxes.map(({ y, height }) => y + height));
  return { left, top, right, bottom, width: right - left, height: bottom - top };
}

/** All that are there, measured at once: one that is listed first may be gone when it is its turn. */
function boxesOf(parts: Locator): Promise<(Box & { text: string })[]> {
  return parts.evaluateAll((all) =>
    all.map((one) => {
      const { left, top, right, bottom, width, height } = one.getBoundingClientRect();
      return { left, top, right, bottom, width, height, text: one.textContent };
    }),
  );
}

const middle = ({ left, right }: Box): number => (left + right) / 2;

const apart = (one: Box, other: Box, byPx = 0): boolean =>
  Math.max(one.left - other.right, other.left - one.right) >= byPx ||
  Math.max(one.top - other.bottom, other.top - one.bottom) >= byPx;

const isIn = (inner: Box, outer: Box): boolean =>
  inner.left >= outer.left - 1 &&
  inner.right <= outer.right + 1 &&
  inner.top >= outer.top - 1 &&
  inner.bottom <= outer.bottom + 1;
