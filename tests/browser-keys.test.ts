import type { Page } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { browsing, holdRequests, keepToasts, loggedIn } from "./harness/browser.ts";
import { freshClip } from "./harness/clips.ts";
import { copyVideo } from "./harness/fill-feed.ts";
import { body, type Schemas } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

describe("keys", () => {
  const server = scenario("all");
  const browser = browsing();
  let ada: Person;
  let videoId: string;
  beforeAll(async () => {
    ada = await server.register();
    videoId = (await ada.publish(freshClip(), "First")).id;
    const { publishedAt } = await ada.settled(videoId);
    const firstMs = Date.parse(publishedAt!);
    await copyVideo(server.deployment.databaseUrl, videoId, 3, (i) => firstMs - 1000 * (i + 1));
  });
  const sit = (person: Person) =>
    browser.visit(server.origin, "desk", {
      ...loggedIn(server.origin, person.session),
      reducedMotion: "reduce",
    });
  const followed = async (person: Person) =>
    body(await person.get<Schemas["User"]>(`/users/${ada.id}`)).followed;
  const reaction = async (person: Person) =>
    body(await person.get<Schemas["Video"]>(`/videos/${videoId}`)).reaction;
  const field = (page: Page) => page.getByRole("complementary").getByLabel(en.writeComment);

  /** Deletes the only comment: others begin without one. */
  async function takeBack(page: Page) {
    await page.getByRole("button", { name: en.deleteAction }).click();
    await page.getByRole("dialog").getByRole("button", { name: en.deleteAction }).click();
    await page.getByRole("complementary").getByText(en.noComments).waitFor();
  }

  /** A follower of the author who watches the video. */
  async function fan() {
    const bob = await server.register();
    body(await bob.put(`/users/${ada.id}/follow`), 204);
    const visitor = await sit(bob);
    await visitor.page.goto(`/video/${videoId}`);
    await visitor.page.locator("article[data-active=true] video").waitFor();
    // The other pages load once the first film plays.
    await visitor.page.waitForLoadState("networkidle");
    return { bob, ...visitor };
  }

  test("C leads into the field, and what is typed there does nothing but be written; after Escape L likes", async () => {
    const { bob, page } = await fan();
    await page.keyboard.press("c");
    await page.keyboard.type("full colour, mockingly jk");
    await until("the words", async () =>
      (await field(page).inputValue()).endsWith("full colour, mockingly jk"),
    );
    for (const key of ["ArrowLeft", "ArrowDown", "Home", "Shift+Enter"]) await page.keyboard.press(key);
    expect(await page.locator("article[data-active=true]").getAttribute("aria-posinset")).toBe("1");
    expect(await field(page).inputValue()).toContain("\n");
    expect([await followed(bob), await reaction(bob)]).toEqual([true, null]);
    await page.keyboard.press("Escape");
    // At once, while the drawer may still be there.
    await page.keyboard.press("l");
    await until("the like", async () => (await reaction(bob)) === "like");
    await page.getByRole("complementary").waitFor({ state: "detached" });
  });

  /** The same page, whose comments do not arrive before `release`, which decides how. */
  async function cold(page: Page) {
    const release = await holdRequests(page, /comments-drawer/);
    await page.reload({ waitUntil: "commit" });
    // It is there once the page listens to keys.
    await page.locator("article[data-active=true] video").waitFor();
    return release;
  }

  test("what is typed while the field is on its way is in it, and what is typed then comes after", async () => {
    const { bob, page } = await fan();
    const release = await cold(page);
    await page.keyboard.press("c");
    await page.keyboard.type("Full colourr");
    await page.keyboard.press("Backspace");
    release("continue");
    await field(page).waitFor();
    await until("the focus", () => field(page).evaluate((it) => it === it.ownerDocument.activeElement));
    await page.keyboard.type(" film");
    expect(await field(page).inputValue()).toBe("Full colour film");
    expect([await followed(bob), await reaction(bob)]).toEqual([true, null]);
  });

  test("a paused film stays paused whatever changes about it", async () => {
    const { bob, page } = await fan();
    const video = page.locator("article[data-active=true] video");
    const paused = () => video.evaluate((film) => film.paused);
    await expect.poll(paused).toBe(false);
    await page.keyboard.press("Space");
    await expect.poll(paused).toBe(true);
    await page.keyboard.press("l");
    await until("the like", async () => (await reaction(bob)) === "like");
    expect(await paused()).toBe(true);
    const { counts } = body(await bob.get<Schemas["Video"]>(`/videos/${videoId}`));
    const cleo = await server.register();
    body(await cleo.put(`/videos/${videoId}/like`), 204);
    const likes = page.locator("article[data-active=true] .rail-like");
    await likes.getByText(String(counts.likes + 1), { exact: true }).waitFor();
    expect(await paused()).toBe(true);
    for (const person of [bob, cleo]) body(await person.delete(`/videos/${videoId}/like`), 204);
  });

  test("of two taps that both fail nothing remains", async () => {
    const { page, expectStatus } = await fan();
    await keepToasts(page);
    expectStatus(503);
    let release = () => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    let refused = 0;
    await page.route("**/like", async (route) => {
      await held;
      await route.fulfill({ status: 503 });
      refused++;
    });
    const heart = page.locator("article[data-active=true] .rail-like").first();
    const pressed = () => heart.getAttribute("aria-pressed");
    await page.keyboard.press("l");
    await expect.poll(pressed).toBe("true");
    await page.keyboard.press("l");
    await expect.poll(pressed).toBe("false");
    release();
    await until("both are refused", () => refused === 2);
    await page.locator(".toast").first().waitFor();
    await expect.poll(pressed).toBe("false");
  });

  test("what is typed while a comment is sent stays in the field", async () => {
    const { page } = await fan();
    await page.keyboard.press("c");
    await page.getByRole("complementary").getByText(en.noComments).waitFor();
    const release = await holdRequests(page, /\/videos\/\d+\/comments$/);
    await field(page).fill("the first");
    await page.keyboard.press("Enter");
    await page.keyboard.type(" and more");
    release("continue");
    await page.locator(".comment-text", { hasText: "the first" }).waitFor();
    await expect.poll(() => field(page).inputValue()).toBe("and more");
    await takeBack(page);
  });

  test("a comment that does not arrive is in its field, also where that was closed meanwhile", async () => {
    const { page, expectComplaint } = await fan();
    expectComplaint(/ERR_/);
    const comments = /\/videos\/\d+\/comments$/;
    await page.keyboard.press("c");
    await page.getByRole("complementary").getByText(en.noComments).waitFor();
    const release = await holdRequests(page, comments);
    const asked = page.waitForRequest(comments);
    await field(page).fill("not lost");
    await page.keyboard.press("Enter");
    await asked;
    await page.getByRole("complementary").getByRole("button", { name: en.close }).click();
    await field(page).waitFor({ state: "detached" });
    await page.keyboard.press("c");
    await field(page).waitFor();
    const send = page.getByRole("complementary").getByRole("button", { name: en.send });
    expect(await send.isDisabled()).toBe(true);
    release("abort");
    await expect.poll(() => send.isEnabled()).toBe(true);
    expect(await field(page).inputValue()).toBe("not lost");
    await page.unroute(comments);
    await send.click();
    await page.locator(".comment-text", { hasText: "not lost" }).waitFor();
    await expect.poll(() => field(page).inputValue()).toBe("");
    await takeBack(page);
  });

  test("Escape closes comments that are still on their way, and the next L likes", async () => {
    const { bob, page } = await fan();
    const release = await cold(page);
    await page.keyboard.press("c");
    await page.keyboard.type("full");
    await page.keyboard.press("Escape");
    await until("closed", () => !page.url().includes("comments"));
    release("continue");
    await page.keyboard.press("l");
    await until("the like", async () => (await reaction(bob)) === "like");
    expect(await followed(bob)).toBe(true);
    await page.keyboard.press("c");
    await field(page).waitFor();
    await expect.poll(() => field(page).inputValue()).toBe("full");
  });

  test("comments whose code cannot be loaded close with a message, and the video plays on", async () => {
    const { bob, page, expectComplaint } = await fan();
    expectComplaint(/./);
    const release = await cold(page);
    await page.keyboard.press("c");
    release("abort");
    await page.locator(":popover-open", { hasText: en.missingTitle }).waitFor();
    await until("closed", () => !page.url().includes("comments"));
    await page.keyboard.press("l");
    await until("the like", async () => (await reaction(bob)) === "like");
  });

  test("with the focus on the panel letters do nothing to the video, and C goes to the field", async () => {
    const { bob, page } = await fan();
    await page.goto(`/video/${videoId}?comments`);
    await page.getByRole("complementary").getByText(en.noComments).waitFor();
    await page.getByRole("button", { name: en.sortTime }).focus();
    await page.keyboard.type("flmjk");
    await page.keyboard.press("c");
    await expect.poll(() => field(page).evaluate((it) => it === it.ownerDocument.activeElement)).toBe(true);
    expect(await page.locator("article[data-active=true]").getAttribute("aria-posinset")).toBe("1");
    expect([await followed(bob), await reaction(bob)]).toEqual([true, null]);
  });

  test("comments that are closed take no text, nor do the videos", async () => {
    const { bob, page } = await fan();
    body(await ada.put(`/videos/${videoId}/comments-closed`), 204);
    await page.keyboard.press("c");
    await page.getByRole("complementary").getByText(en.commentsClosedNow).first().waitFor();
    await page.keyboard.type("full");
    await page.keyboard.press("Enter");
    expect(await field(page).inputValue()).toBe("");
    expect([await followed(bob), await reaction(bob)]).toEqual([true, null]);
    body(await ada.delete(`/videos/${videoId}/comments-closed`), 204);
  });

  test("F tells when it unfollows, and takes it back", async () => {
    const { bob, page } = await fan();
    await page.keyboard.press("f");
    const toast = page.locator(":popover-open", { hasText: en.unfollowed(ada.username) });
    await toast.waitFor();
    await until("unfollowed", async () => !(await followed(bob)));
    await toast.getByRole("button", { name: en.undo }).click();
    await until("followed again", () => followed(bob));
    await toast.waitFor({ state: "detached" });
  });

  test("modifiers, a key held down, and an input method are not for the videos", async () => {
    const { bob, page } = await fan();
    for (const key of ["Control+l", "Alt+l", "Shift+L", "Meta+l"]) await page.keyboard.press(key);
    await page.evaluate(`for (const init of [{ repeat: true }, { isComposing: true }])
      document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "l", bubbles: true, ...init }));
      const box = document.body.appendChild(document.createElement("div"));
      box.contentEditable = "true"; box.id = "box"; box.focus();`);
    await page.keyboard.type("lf");
    await page.evaluate("document.querySelector('#box').remove()");
    expect([await followed(bob), await reaction(bob)]).toEqual([true, null]);
  });

  test("who switches letter keys off has none, and the help lists those that are left", async () => {
    const { bob, page } = await fan();
    const keys = () => page.locator(".nav .key-hints kbd").allTextContents();
    await expect.poll(keys).toEqual("↓ ↑ J K ␣ ← → L C F M".split(" "));
    await page.goto("/settings");
    await page.getByRole("group", { name: en.letterKeys }).getByLabel(en.off).check();
    await page.goto(`/video/${videoId}`);
    await page.locator("article[data-active=true] video").waitFor();
    await expect.poll(keys).toEqual("↓ ↑ ␣ ← →".split(" "));
    await page.locator("article").nth(1).waitFor({ state: "attached" });
    await page.keyboard.type("flcmjk");
    expect(await page.locator("article[data-active=true]").getAttribute("aria-posinset")).toBe("1");
    expect(await page.getByRole("complementary").count()).toBe(0);
    await page.keyboard.press("ArrowDown");
    await until(
      "the next",
      async () => (await page.locator("article[data-active=true]").getAttribute("aria-posinset")) === "2",
    );
    expect([await followed(bob), await reaction(bob)]).toEqual([true, null]);
  });
});
