import type { Page } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { zh } from "#apps/web/src/i18n/zh.ts";
import { browsing, loggedIn } from "./harness/browser.ts";
import { freshClip } from "./harness/clips.ts";
import { doubleTap, swipe } from "./harness/gestures.ts";
import { body, type Schemas } from "./harness/http-client.ts";
import { smallTargets } from "./harness/page-checks.ts";
import { movingWebp, png } from "./harness/pictures.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

type Video = Schemas["Video"];
const green = [40, 150, 90] as const;
const blue = [40, 90, 170] as const;
const red = [190, 60, 50] as const;
const file = (name: string, buffer: Buffer) => ({ name, mimeType: "image/png", buffer });

describe("posts of pictures in the browser", () => {
  const server = scenario("all");
  const browser = browsing();
  let ada: Person;
  beforeAll(async () => {
    ada = await server.register();
  });
  const slide = (page: Page) => page.locator('.slide[data-active="true"]');
  const inView = (page: Page) =>
    slide(page)
      .locator("figure:not([aria-hidden=true]) img")
      .evaluate((picture) => {
        const { complete, naturalWidth, alt } = picture as unknown as Record<string, unknown>;
        return complete && Number(naturalWidth) > 0 && alt;
      });

  test("somebody at a desk chooses pictures, puts them in order, says what they show, and pages through them", async () => {
    const visitor = await browser.visit(server.origin, "desk", loggedIn(server.origin, ada.session));
    const { page } = visitor;
    await page.goto("/upload");
    await page
      .locator("input[type=file]")
      .setInputFiles([
        file("one.png", png(900, 1200, { left: green })),
        file("moves.webp", movingWebp(3)),
        file("two.png", png(1200, 900, { left: blue })),
      ]);
    const place = (at: number, of: number) => en.pictureOf(String(at), String(of));
    // What cannot be part of it says so at once, and goes.
    await page.getByText(en.reasons.PICTURE_UNSUPPORTED).waitFor();
    await page.getByRole("button", { name: en.pictureRemove(place(2, 3)) }).click();
    await page.getByRole("button", { name: en.addPictures }).waitFor();
    await page.locator("input[type=file]").setInputFiles([file("three.png", png(700, 700, { left: red }))]);
    const alt = (at: number) => page.getByLabel(en.altLabel(place(at, 3)));
    await alt(1).fill("A green wall");
    await alt(2).fill("A blue wall");
    await alt(3).fill("A red wall");
    await page.getByRole("button", { name: en.pictureEarlier(place(3, 3)) }).click();
    await page.getByRole("button", { name: en.pictureEarlier(place(2, 3)) }).click();
    await expect.poll(() => alt(1).inputValue()).toBe("A red wall");
    expect([await alt(2).inputValue(), await alt(3).inputValue()]).toEqual(["A green wall", "A blue wall"]);
    await page.getByLabel(en.titleLabel).fill("Three walls");
    await page.getByRole("button", { name: en.picturesPublish }).click();
    await page.getByText(en.picturesPublished).waitFor();
    await page.getByRole("link", { name: en.watch }).click();

    await expect.poll(() => inView(page)).toBe("A red wall");
    const [earlier, later] = [en.previousPicture, en.nextPicture].map((name) =>
      slide(page).getByRole("button", { name }),
    );
    // At an end there is nowhere to turn.
    expect(await earlier!.count()).toBe(0);
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => inView(page)).toBe("A blue wall");
    await expect.poll(() => later!.count()).toBe(0);
    await slide(page)
      .getByRole("status")
      .getByText(en.pictureShows(place(3, 3), "A blue wall"))
      .waitFor({ state: "attached" });
    await earlier!.click();
    await expect.poll(() => inView(page)).toBe("A green wall");
    // A picture is no film: nothing plays and nothing sounds.
    expect(await slide(page).getByRole("button", { name: en.soundOff }).count()).toBe(0);

    await page.goto(`/user/${ada.id}`);
    const tile = page.locator(".tile");
    expect(await tile.locator(".tile-pictures").innerText()).toContain("3");
    const { items } = body(await ada.get<{ items: Video[] }>("/me/videos"));
    expect(items[0]!.pictures.map(({ alt, width }) => [alt, width])).toEqual([
      ["A red wall", 700],
      ["A green wall", 900],
      ["A blue wall", 1200],
    ]);
  });

  test("its author takes a picture away, puts the others in another order, and says what they show; a link to one stays one to it", async () => {
    const eve = await server.register();
    const pictures = [];
    for (const [left, alt] of [
      [green, "Green"],
      [blue, "Blue"],
      [red, ""],
    ] as const)
      pictures.push({ uploadId: body(await eve.upload(png(800, 900, { left })), 201).id, alt });
    const json = { pictures, title: "To be changed" };
    const post = await eve.settled(body(await eve.post<Video>("/videos", { json }), 201).id);
    const visitor = await browser.visit(server.origin, "desk", loggedIn(server.origin, eve.session));
    const { page } = visitor;
    await page.goto(`/video/${post.id}`);
    await expect.poll(() => inView(page)).toBe("Green");
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => inView(page)).toBe("Blue");

    const shareThis = async () => {
      const asked = page.waitForResponse((response) => response.url().includes("/shares"));
      await page.getByRole("button", { name: en.sharePicture }).click();
      const response = await asked;
      return { asked: new URL(response.url()).search, url: ((await response.json()) as { url: string }).url };
    };
    await slide(page).getByRole("button", { name: en.share, exact: true }).click();
    const second = await shareThis();
    expect(second.asked).toBe("?picture=2");
    await page.keyboard.press("ArrowRight");
    await expect.poll(() => inView(page)).toBe(en.pictureOf("3", "3"));
    await slide(page).getByRole("button", { name: en.moreActions }).click();
    const third = await shareThis();
    expect(third.asked).toBe("?picture=3");

    await slide(page).getByRole("button", { name: en.moreActions }).click();
    await page.getByRole("button", { name: en.editVideo }).click();
    const place = (at: number, of: number) => en.pictureOf(String(at), String(of));
    const button = (name: string) => page.getByRole("button", { name });
    await page.getByLabel(en.altLabel(place(3, 3))).fill("Red");
    await button(en.pictureEarlier(place(3, 3))).click();
    await button(en.pictureRemove(place(1, 3))).click();
    // Red, then blue; then the other way round, and back.
    await button(en.pictureLater(place(1, 2))).click();
    await button(en.pictureLater(place(1, 2))).click();
    await button(en.save).click();
    await page.getByText(en.videoChanged).first().waitFor();
    await page.keyboard.press("ArrowLeft");
    await expect.poll(() => inView(page)).toBe("Red");
    const shown = body(await eve.get<Video>(`/videos/${post.id}`));
    expect(shown.pictures.map(({ number, alt }) => [number, alt])).toEqual([
      [3, "Red"],
      [2, "Blue"],
    ]);
    expect(shown.editedAt).not.toBeNull();

    // At least one stays.
    await slide(page).getByRole("button", { name: en.moreActions }).click();
    await page.getByRole("button", { name: en.editVideo }).click();
    await button(en.pictureRemove(place(1, 2))).click();
    await expect.poll(() => button(en.pictureRemove(place(1, 1))).isDisabled()).toBe(true);
    await button(en.cancel).click();

    await page.goto(second.url);
    await expect.poll(() => inView(page)).toBe("Blue");
    await page.goto(third.url);
    await expect.poll(() => inView(page)).toBe("Red");
    await page.goto(`/video/${post.id}?picture=1`);
    await expect.poll(() => inView(page)).toBe("Red");
  });

  test("a finger turns pictures sideways and posts upwards, and two taps like", async () => {
    const pictures = [];
    for (const [at, left] of [green, blue].entries()) {
      const upload = body(await ada.upload(png(900, 1600, { left })), 201);
      pictures.push({ uploadId: upload.id, alt: `第 ${at} 面墙` });
    }
    const film = await ada.settled((await ada.publish(freshClip(), "film")).id);
    const post = body(await ada.post<Video>("/videos", { json: { pictures, title: "walls" } }), 201);
    await ada.settled(post.id);
    const bob = await server.register();
    const visitor = await browser.visit(server.origin, "phone", loggedIn(server.origin, bob.session));
    const { page } = visitor;
    await page.goto("/");
    await expect.poll(() => inView(page)).toBe("第 0 面墙");
    await expect.poll(() => smallTargets(page.locator("body"))).toEqual([]);
    await swipe(visitor, -220, "x");
    await expect.poll(() => inView(page)).toBe("第 1 面墙");
    await doubleTap(visitor, slide(page).locator(".pictures"));
    await until("the like", async () => {
      const { reaction } = body(await bob.get<Video>(`/videos/${post.id}`));
      return reaction === "like";
    });
    await expect
      .poll(() => slide(page).getByRole("button", { name: zh.like }).getAttribute("aria-pressed"))
      .toBe("true");
    await swipe(visitor, -420);
    await expect.poll(() => slide(page).locator(".caption-title").first().innerText()).toBe("film");
    await swipe(visitor, 420);
    // It is where one left it.
    await expect.poll(() => inView(page)).toBe("第 1 面墙");
    expect(film.kind).toBe("video");
  });

  test("pictures that few may see are loaded again when their addresses have ended", async () => {
    const cleo = await server.register();
    const upload = body(await cleo.upload(png(600, 600, { left: red })), 201);
    const json = { pictures: [{ uploadId: upload.id, alt: "mine" }], title: "mine", visibility: "private" };
    const post = body(await cleo.post<Video>("/videos", { json }), 201);
    await cleo.settled(post.id);
    const visitor = await browser.visit(server.origin, "desk", loggedIn(server.origin, cleo.session));
    const { page } = visitor;
    visitor.expectStatus(404);
    // As of an hour later: the first answer has addresses that have ended, the next ones others.
    const isLater = (url: string) => url.endsWith("&later");
    let asked = 0;
    await page.route("**/media/post/**", (route) =>
      isLater(route.request().url()) ? route.continue() : route.fulfill({ status: 404 }),
    );
    await page.route(`**/api/v1/videos/${post.id}`, async (route) => {
      const response = await route.fetch();
      const video = (await response.json()) as Video;
      if (asked++ > 0) for (const size of video.pictures[0]!.sizes) size.url += "&later";
      await route.fulfill({ response, json: video });
    });
    await page.goto(`/video/${post.id}`);
    await expect.poll(() => inView(page)).toBe("mine");
    await page.unrouteAll({ behavior: "wait" });
  });

  test("a picture that could not be loaded comes when the line is back", async () => {
    const cleo = await server.register();
    const upload = body(await cleo.upload(png(500, 600, { left: blue })), 201);
    const json = { pictures: [{ uploadId: upload.id, alt: "late" }], title: "late" };
    const post = body(await cleo.post<Video>("/videos", { json }), 201);
    await cleo.settled(post.id);
    const visitor = await browser.visit(server.origin, "desk", loggedIn(server.origin, cleo.session));
    const { page } = visitor;
    visitor.expectComplaint(/net::ERR_/);
    let down = true;
    await page.route("**/media/post/**", (route) => (down ? route.abort() : route.continue()));
    await page.goto(`/video/${post.id}`);
    await page.getByText(en.picturesFailed).waitFor();
    down = false;
    await expect.poll(() => inView(page)).toBe("late");
    expect(await page.getByText(en.picturesFailed).count()).toBe(0);
  });
});
