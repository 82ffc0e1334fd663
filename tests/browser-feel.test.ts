import type { Locator, Page, Request } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { explainReason } from "#apps/web/src/i18n/explain.ts";
import { isolate } from "#apps/web/src/i18n/isolate.ts";
import { zh } from "#apps/web/src/i18n/zh.ts";
import { browsing, loggedIn } from "./harness/browser.ts";
import { freshClip } from "./harness/clips.ts";
import { copyVideo } from "./harness/fill-feed.ts";
import { deleteComment, swipe } from "./harness/gestures.ts";
import { body, type Schemas } from "./harness/http-client.ts";
import { contrastOf, smallTargets } from "./harness/page-checks.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

const arabic = "فيديو جميل جدا من القاهرة";

describe("on a phone", () => {
  const server = scenario("all");
  const browser = browsing();
  let ada: Person;
  let videoId: string;
  beforeAll(async () => {
    ada = await server.register();
    body(await ada.patch("/me", { json: { name: "أحمد محمد عبد الرحمن" } }));
    videoId = (await ada.publish(freshClip(), arabic)).id;
    await ada.settled(videoId);
    body(
      await ada.post(`/videos/${videoId}/comments`, { json: { text: "One word more. ".repeat(30) } }),
      201,
    );
    body(await ada.post(`/videos/${videoId}/comments`, { json: { text: arabic } }), 201);
  });
  const hold = (person: Person) =>
    browser.visit(server.origin, "phone", loggedIn(server.origin, person.session));

  test("every control is as large as a finger", async () => {
    const bob = await server.register();
    body(await ada.post(`/conversations/${bob.id}/messages`, { json: { content: "Hello" } }), 201);
    const { page } = await hold(bob);
    const pages = [
      ["/", "video"],
      [`/video/${videoId}?comments`, ".comment"],
      ["/hot", "main"],
      ["/messages", ".conversation"],
      [`/messages/${ada.id}`, ".bubble"],
      [`/user/${ada.id}`, ".tile"],
      ["/me", ".profile-tabs"],
      ["/settings", ".devices li"],
      ["/upload", "input"],
    ] as const;
    for (const [path, shown] of pages) {
      await page.goto(path);
      await page.locator(shown).first().waitFor({ state: "attached" });
      // Polled, since a sheet slides in from below.
      await expect.poll(() => smallTargets(page.locator("body")), { message: path }).toEqual([]);
    }
  });

  test("the tabs over a white clip can be read", async () => {
    const { page } = await hold(await server.register());
    await page.goto("/");
    await inView(page)
      .locator(".stage")
      .evaluate((stage) => {
        stage.style.background = "#fff";
        for (const picture of stage.querySelectorAll("img, .stage-holder")) picture.style.display = "none";
      });
    for (const name of [zh.feedFollowing, zh.feedPublic]) {
      const tab = page.getByRole("button", { name, exact: true });
      expect(await contrastOf(tab), name).toBeGreaterThan(3);
    }
  });

  test("a list below the tabs is not scrolled under them", async () => {
    const { page } = await hold(await server.register());
    await page.setViewportSize({ width: 320, height: 480 });
    await page.goto("/");
    await page.getByRole("button", { name: zh.feedFollowing, exact: true }).tap();
    await page.getByRole("heading", { name: zh.followingEmptyTitle }).waitFor();
    const tabs = (await page.getByRole("group", { name: zh.feedTabs }).boundingBox())!;
    const list = (await page.locator(".nobody").boundingBox())!;
    expect(list.y).toBeGreaterThanOrEqual(tabs.y + tabs.height);
    expect(list.y + list.height).toBeLessThanOrEqual(480);
  });

  test("a question about a comment keeps off its buttons", async () => {
    const { page } = await hold(ada);
    await page.goto(`/video/${videoId}?comments`);
    await page.locator(".comment").first().getByRole("button", { name: zh.deleteAction }).tap();
    const question = page.getByRole("dialog", { name: zh.deleteCommentTitle });
    await question.getByText(zh.deleteCommentBody).waitFor();
    // Both at once: it may still be moving.
    const apartPx = () =>
      question.evaluate((element) => {
        const [words, buttons] = [".dialog-text", ".dialog-actions"].map((part) =>
          element.querySelector(part).getBoundingClientRect(),
        );
        return buttons.top - words.bottom;
      });
    await expect.poll(apartPx).toBeGreaterThan(8);
  });

  test("on a small phone no choice is cut in two", async () => {
    const { page } = await browser.visit(server.origin, "phone");
    await page.setViewportSize({ width: 280, height: 568 });
    await page.goto("/settings");
    const linesOf = (locator: Locator) =>
      locator.evaluate((element) => {
        const range = element.ownerDocument.createRange();
        range.selectNodeContents(element);
        return range.getClientRects().length;
      });
    for (const name of ["English", zh.themeSystem])
      expect(await linesOf(page.locator(".segmented span", { hasText: name }).first()), name).toBe(1);
  });

  test("text of twice the size is all of it larger, and stays within the page", async () => {
    const { page } = await browser.visit(server.origin, "phone");
    for (const path of ["/login", "/register", "/settings", "/hot", `/user/${ada.id}`]) {
      await page.goto(path);
      await page.evaluate("document.documentElement.style.fontSize = '200%'");
      await page.locator("main h1").first().waitFor();
      expect(await page.evaluate("getComputedStyle(document.body).fontSize")).toBe("32px");
      // Not the window's width, which grows with the page on a phone.
      const widthPx = () => page.evaluate("document.documentElement.scrollWidth");
      await expect.poll(widthPx, { message: path }).toBe(390);
    }
  });

  test("words run in their own direction, and long ones are folded", async () => {
    const bob = await server.register();
    body(await ada.post(`/conversations/${bob.id}/messages`, { json: { content: arabic } }), 201);
    const { page } = await hold(bob);
    await page.goto(`/video/${videoId}?comments`);
    const comments = page.locator(".comment");
    await comments.first().waitFor();
    expect(await directionOf(page, ".caption-title")).toBe("rtl");
    expect(await directionOf(page, ".caption-author a")).toBe("rtl");
    const texts = page.locator(".comment-text");
    const [short, long] = [texts.filter({ hasText: arabic }), texts.filter({ hasText: "One word more." })];
    expect(await short.evaluate((text) => text.matches(":dir(rtl)"))).toBe(true);
    expect(await long.evaluate((text) => text.matches(":dir(ltr)"))).toBe(true);
    const isWhole = () => long.evaluate((text): boolean => text.scrollHeight <= text.clientHeight);
    expect(await isWhole()).toBe(false);
    await comments.getByRole("button", { name: zh.more, exact: true }).tap();
    await comments.getByRole("button", { name: zh.less, exact: true }).waitFor();
    expect(await isWhole()).toBe(true);
    await page.goto(`/messages/${ada.id}`);
    await page.locator(".bubble").waitFor();
    expect(await directionOf(page, ".bubble p")).toBe("rtl");
    expect(await directionOf(page, ".chat-name h1")).toBe("rtl");
  });

  test("a message about an action in a sheet is shown above it", async () => {
    const { page } = await hold(await server.logIn(ada.username, ada.password));
    await page.goto(`/video/${videoId}?comments`);
    await page.getByLabel(zh.writeComment).fill("Not for long");
    await page.getByRole("button", { name: zh.send }).tap();
    await deleteComment(page, "Not for long");
    await page.locator(":popover-open", { hasText: zh.commentDeleted }).waitFor();
    await page.getByRole("dialog").waitFor();
  });

  test("one's own video leads to where it can be deleted", async () => {
    const { page } = await hold(await server.logIn(ada.username, ada.password));
    await page.goto(`/video/${videoId}`);
    await inView(page).getByRole("button", { name: zh.moreActions }).tap();
    await page.getByRole("dialog").getByRole("link", { name: zh.toMyVideos }).tap();
    await page.getByRole("button", { name: zh.manage(isolate(arabic)) }).waitFor();
  });

  test("a keyboard leaves room for what is written", async () => {
    const { page } = await hold(await server.register());
    await page.goto("/upload");
    await choose(page);
    const bar = page.getByRole("navigation", { name: zh.mainNavigation });
    await bar.waitFor();
    await page.getByLabel(zh.titleLabel).tap();
    await bar.waitFor();
    await page.setViewportSize({ width: 390, height: 500 });
    await bar.waitFor({ state: "hidden" });
    await page.getByLabel(zh.titleLabel).blur();
    await bar.waitFor();
  });

  test("sound is offered until the person has said", async () => {
    const { page } = await hold(await server.register());
    await page.goto("/");
    const offer = page.getByRole("button", { name: zh.tapForSound });
    await offer.tap();
    await offer.waitFor({ state: "detached" });
    await inView(page).getByRole("button", { name: zh.soundOff }).tap();
    await inView(page).getByRole("button", { name: zh.soundOn }).waitFor();
    expect(await offer.count()).toBe(0);
    await page.reload();
    await inView(page).getByRole("button", { name: zh.soundOn }).waitFor();
    expect(await offer.count()).toBe(0);
  });

  test("an upload that was cut off is tried again under its title", async () => {
    const visitor = await hold(await server.register());
    const { page } = visitor;
    visitor.expectStatus(503);
    await page.goto("/upload");
    const held = await holdUploads(page);
    await choose(page);
    await page.getByLabel(zh.titleLabel).fill("Not twice");
    held.refuse();
    const again = page.getByRole("alert").getByRole("button", { name: zh.retry });
    await again.waitFor();
    await held.accept();
    await again.tap();
    await page.getByText(zh.sent, { exact: true }).waitFor();
    expect(await page.getByLabel(zh.titleLabel).inputValue()).toBe("Not twice");
  });

  test("after the upload was deleted the next file can be chosen", async () => {
    const person = await server.register();
    const visitor = await hold(person);
    const { page } = visitor;
    visitor.expectStatus(404);
    await page.goto("/upload");
    await choose(page);
    await page.getByLabel(zh.titleLabel).fill("By mistake");
    await page.getByRole("button", { name: zh.publish, exact: true }).tap();
    await page.getByText(zh.publishedTitle).waitFor();
    await page.getByRole("link", { name: zh.home }).tap();
    await inView(page).waitFor();
    type Videos = { items: Schemas["Video"][] };
    const [video] = body(await person.get<Videos>("/me/videos")).items;
    body(await person.delete(`/videos/${video!.id}`), 204);
    await page.getByRole("navigation").getByRole("link", { name: zh.upload }).tap();
    await page.getByRole("button", { name: zh.uploadAnother }).tap();
    await page.locator("input[type=file]").waitFor({ state: "attached" });
  });

  test("an upload that ends while one looks elsewhere says so", async () => {
    const visitor = await hold(await server.register());
    const { page } = visitor;
    visitor.expectStatus(503);
    await page.goto("/upload");
    const held = await holdUploads(page);
    await choose(page);
    await page.getByRole("link", { name: zh.home }).tap();
    await inView(page).waitFor();
    held.refuse();
    await page.getByRole("status").getByText(zh.refusedBusy).waitFor();
    await page.getByRole("navigation").getByRole("link", { name: zh.upload }).tap();
    await held.accept();
    await page.getByRole("alert").getByRole("button", { name: zh.retry }).tap();
    await page.getByText(zh.sent, { exact: true }).first().waitFor();
  });

  test("if the browser starts no video by itself, a tap does", async () => {
    const { page } = await hold(await server.register());
    // As phones that save power do.
    await page.addInitScript(`
      const { play } = HTMLMediaElement.prototype;
      let touched = false;
      addEventListener("click", () => { touched = true; }, true);
      HTMLMediaElement.prototype.play = function () {
        return touched ? play.call(this) : Promise.reject(new DOMException("No power", "NotAllowedError"));
      };`);
    await page.goto("/");
    await inView(page).getByRole("button", { name: zh.play, exact: true }).tap();
    await expect.poll(() => timeOf(page)).toBeGreaterThan(0);
  });

  test("the bars of the browser have the colour of the page", async () => {
    const person = loggedIn(server.origin, (await server.register()).session);
    const { page } = await browser.visit(server.origin, "phone", { ...person, colorScheme: "light" });
    const colour = () => page.locator("meta[name=theme-color]").getAttribute("content");
    await page.goto("/");
    await expect.poll(colour).toBe("rgb(11, 15, 13)");
    await page.getByRole("link", { name: zh.hot }).tap();
    await expect.poll(colour).toBe("rgb(250, 251, 248)");
    await page.emulateMedia({ colorScheme: "dark" });
    await expect.poll(colour).toBe("rgb(11, 15, 13)");
  });

  test("a finger on a dialog scrolls nothing behind it", async () => {
    const visitor = await hold(await server.register());
    const { page } = visitor;
    await page.goto("/settings");
    // Complete, so that nothing that arrives moves it.
    await page.locator(".devices li").first().waitFor();
    await page.getByText(zh.nobodyBlocked).waitFor();
    await page.getByRole("button", { name: zh.deleteAccount }).tap();
    await page.getByRole("dialog").waitFor();
    const top = await page.evaluate("scrollY");
    expect(top).toBeGreaterThan(0);
    await swipe(visitor, 300);
    expect(await page.evaluate("scrollY")).toBe(top);
  });

  test("a feed that failed to load continues by itself", async () => {
    const publishedMs = Date.parse(body(await ada.get<Schemas["Video"]>(`/videos/${videoId}`)).publishedAt!);
    const before = await copyVideo(server.deployment.databaseUrl, videoId, 12, (i) => publishedMs - 20 + i);
    const visitor = await browser.visit(server.origin, "phone", { reducedMotion: "reduce" });
    const { page } = visitor;
    visitor.expectStatus(503);
    await page.route("**/api/v1/feed?*cursor=*", (route) => route.fulfill({ status: 503 }));
    await page.goto("/");
    const slides = page.locator("article");
    await inView(page).waitFor();
    const loaded = await slides.count();
    expect(loaded).toBeLessThan(before.length);
    await until("the end", async () => {
      await page.keyboard.press("ArrowDown");
      return page.getByRole("heading", { name: zh.feedFailed }).isVisible();
    });
    await page.unroute("**/api/v1/feed?*cursor=*");
    await expect.poll(() => slides.count()).toBeGreaterThan(loaded);
  });

  test("pages open while the server is down, and load the rest when it is back", async () => {
    const visitor = await browser.visit(server.origin, "phone");
    const { page } = visitor;
    visitor.expectStatus(503);
    const isGone = { status: 503 };
    await page.route("**/media/**", (route) => route.fulfill(isGone));
    let pending = 0;
    const counted = (by: number) => (request: Request) => {
      if (request.url().includes("/assets/")) pending += by;
    };
    page.on("request", counted(1));
    page.on("requestfinished", counted(-1));
    await page.goto("/");
    // Not a broken picture.
    const face = inView(page).locator(".rail-face img");
    await expect.poll(() => face.evaluate((image) => image.style.visibility)).toBe("hidden");
    await inView(page).getByText(zh.playFailed).waitFor();
    await page.unroute("**/media/**");
    await expect.poll(() => timeOf(page)).toBeGreaterThan(0);
    await expect.poll(() => loadedOf(page)).toContain("hot-page");
    // All pages are requested at once.
    await expect.poll(() => pending).toBe(0);

    await page.route("**/api/**", (route) => route.fulfill(isGone));
    await page.route("**/assets/**", (route) => route.abort());
    await page.getByRole("link", { name: zh.hot }).tap();
    await page
      .getByRole("alert")
      .getByText(explainReason(zh, "UNAVAILABLE", ""))
      .waitFor();
    await page.unroute("**/api/**");
    await page.getByRole("alert").waitFor({ state: "detached" });
    await page.getByRole("list", { name: zh.rankings.hot }).or(page.getByText(zh.hotEmptyTitle)).waitFor();
  });
});

const choose = (page: Page) =>
  page
    .locator("input[type=file]")
    .setInputFiles({ name: "a.mp4", mimeType: "video/mp4", buffer: freshClip() });
/** Holds uploads until they are refused, which lasts until they are accepted. */
async function holdUploads(page: Page) {
  const route = "**/api/v1/uploads/tus";
  let refuse = () => {};
  const refused = new Promise<void>((resolve) => {
    refuse = resolve;
  });
  await page.route(route, async (route) => {
    await refused;
    await route.fulfill({ status: 503 });
  });
  return { refuse, accept: () => page.unroute(route) };
}
const inView = (page: Page) => page.locator("article[data-active=true]");
const timeOf = (page: Page): Promise<number> =>
  inView(page)
    .locator("video")
    .evaluate((video) => video.currentTime);
const directionOf = (page: Page, selector: string): Promise<string> =>
  page
    .locator(selector)
    .first()
    .evaluate((element) => element.ownerDocument.defaultView.getComputedStyle(element).direction);
/** The names of the scripts that the page has. */
const loadedOf = (page: Page): Promise<string> =>
  page.evaluate("performance.getEntriesByType('resource').map(({ name }) => name).join()");
