import type { Page, Route } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { zh } from "#apps/web/src/i18n/zh.ts";
import { browsing, keepToasts, loggedIn } from "./harness/browser.ts";
import { freshClip } from "./harness/clips.ts";
import { copyVideo } from "./harness/fill-feed.ts";
import { body, type Page as ListPage, type Schemas } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

describe("actions on videos and people", () => {
  const server = scenario("all");
  const browser = browsing();
  let ada: Person;
  let videoId: string;
  let olderId: string;
  beforeAll(async () => {
    ada = await server.register();
    videoId = (await ada.publish(freshClip(), "The newest")).id;
    const { publishedAt } = await ada.settled(videoId);
    const { databaseUrl } = server.deployment;
    const older = await copyVideo(databaseUrl, videoId, 2, (i) => Date.parse(publishedAt!) - i - 1);
    olderId = older[0]!;
  });
  const sit = (person: Person, device: "phone" | "desk") =>
    browser.visit(server.origin, device, {
      ...loggedIn(server.origin, person.session),
      reducedMotion: "reduce",
    });
  const inView = (page: Page) => page.locator("article[data-active=true]");
  const menu = async (page: Page, more: string) => {
    await inView(page).getByRole("button", { name: more }).click();
    return page.getByRole("dialog");
  };
  async function friend() {
    const person = await server.register();
    body(await person.put(`/users/${ada.id}/follow`), 204);
    body(await ada.put(`/users/${person.id}/follow`), 204);
    return person;
  }

  test("a video that is not for the viewer goes, the next one plays, and it returns only by Undo", async () => {
    const bob = await server.register();
    const { page } = await sit(bob, "desk");
    const reaction = async () => body(await bob.get<Schemas["Video"]>(`/videos/${videoId}`)).reaction;
    await page.goto("/");
    await inView(page).getByText("The newest", { exact: true }).waitFor();
    await (await menu(page, en.moreActions)).getByRole("button", { name: en.dislike }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await inView(page).getByText("copy 1", { exact: true }).waitFor();
    await until("the reaction", async () => (await reaction()) === "dislike");
    await expect.poll(() => page.locator("article").getByText("The newest", { exact: true }).count()).toBe(0);
    await page.locator(".toast").getByRole("button", { name: en.undo }).click();
    await inView(page).getByText("The newest", { exact: true }).waitFor();
    await until("nothing", async () => (await reaction()) === null);

    await (await menu(page, en.moreActions)).getByRole("button", { name: en.dislike }).click();
    await until("the reaction again", async () => (await reaction()) === "dislike");
    await page.goto("/");
    await inView(page).getByText("copy 1", { exact: true }).waitFor();
    // By its link it is shown, and can be restored.
    await page.goto(`/video/${videoId}`);
    await (await menu(page, en.moreActions)).getByRole("button", { name: en.undislike }).click();
    await until("taken back", async () => (await reaction()) === null);
    await (await menu(page, en.moreActions)).getByRole("button", { name: en.dislike }).click();
    await inView(page).getByText("copy 1", { exact: true }).waitFor();
  });

  test("one's own video is retitled and deleted from its menu, and nobody hides their own", async () => {
    const carol = await server.register();
    const { id } = await carol.publish(freshClip(), "Draft");
    await carol.settled(id);
    const { page } = await sit(carol, "desk");
    await page.goto("/");
    await inView(page).getByText("Draft", { exact: true }).waitFor();
    const dialog = await menu(page, en.moreActions);
    await dialog.getByRole("button", { name: en.editVideo }).waitFor();
    expect(await dialog.getByRole("button", { name: en.dislike }).count()).toBe(0);
    await dialog.getByRole("button", { name: en.editVideo }).click();
    await page.getByRole("textbox", { name: en.titleLabel }).fill("最终版");
    await page.getByRole("button", { name: en.save }).click();
    await page.getByRole("dialog").waitFor({ state: "detached" });
    await inView(page).getByText("最终版", { exact: true }).waitFor();
    expect(body(await carol.get<Schemas["Video"]>(`/videos/${id}`)).title).toBe("最终版");
    await (await menu(page, en.moreActions)).getByRole("button", { name: en.deleteVideo }).click();
    await page.getByRole("dialog").getByRole("button", { name: en.deleteAction }).click();
    await until("it is gone", async () => !(await inView(page).textContent())?.includes("最终版"));
    expect((await carol.get(`/videos/${id}`)).status).toBe(404);
  });

  test("links are links, a video of this server is a card, and a video is sent to a friend", async () => {
    const bob = await friend();
    const { page } = await sit(bob, "desk");
    await page.goto(`/video/${olderId}`);
    await inView(page).getByRole("button", { name: en.share }).click();
    await page.getByRole("dialog").getByRole("button", { name: ada.username }).click();
    await page.getByText(en.sentTo(ada.username), { exact: true }).first().waitFor();
    const sent = body(await ada.get<ListPage<Schemas["Message"]>>(`/conversations/${bob.id}/messages`));
    expect(sent.items).toMatchObject([{ content: "", videoId: olderId }]);
    const words = "看https://example.com/a?b=1，javascript:alert(1) https://google.com@evil.example";
    body(await ada.post(`/conversations/${bob.id}/messages`, { json: { content: words } }), 201);
    body(await ada.post(`/videos/${olderId}/comments`, { json: { text: words } }), 201);

    await page.goto(`/messages/${ada.id}`);
    const card = page.locator(".video-card");
    await card.getByText("copy 1", { exact: true }).waitFor();
    await card.getByText(ada.username).waitFor();
    await card.locator("img").waitFor();
    for (const [path, place] of [
      [`/messages/${ada.id}`, ".bubble"],
      [`/video/${olderId}?comments`, ".comment-text"],
    ] as const) {
      await page.goto(path);
      const link = page.locator(`${place} a`, { hasText: "example.com" });
      await link.waitFor();
      expect(await page.locator(`${place} a[href*=evil], ${place} a[href^=javascript]`).count()).toBe(0);
      expect(await link.textContent()).toBe("https://example.com/a?b=1");
      expect(await link.getAttribute("href")).toBe("https://example.com/a?b=1");
      expect((await link.getAttribute("rel"))?.split(" ")).toEqual(
        expect.arrayContaining(["noopener", "nofollow", "ugc"]),
      );
    }
    await page.goto(`/messages/${ada.id}`);
    await card.click();
    await inView(page).getByText("copy 1", { exact: true }).waitFor();
  });

  test("a dialog stays when a file chooser is closed, and when text is selected beyond its edge", async () => {
    const { page } = await sit(await server.register(), "desk");
    await page.goto("/me");
    await page.getByRole("button", { name: en.editProfile }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByLabel(en.signature).fill("a long text");
    await dialog.locator("input[type=file]").first().dispatchEvent("cancel", { bubbles: true });
    const { x, y } = (await dialog.getByLabel(en.signature).boundingBox())!;
    await page.mouse.move(x + 60, y + 20);
    await page.mouse.down();
    await page.mouse.move(5, 5);
    await page.mouse.up();
    expect(await dialog.getByLabel(en.signature).inputValue()).toBe("a long text");
    await page.mouse.click(5, 5);
    await dialog.waitFor({ state: "detached" });
  });

  test("a conversation with a blocked person says so, and is in the inbox once", async () => {
    const bob = await friend();
    body(await ada.post(`/conversations/${bob.id}/messages`, { json: { content: "Hello" } }), 201);
    const { page } = await sit(bob, "phone");
    await page.goto("/messages");
    await page.locator(".conversation").waitFor();
    expect(await page.getByRole("main").getByRole("link", { name: ada.username }).count()).toBe(1);
    body(await bob.put(`/users/${ada.id}/block`), 204);
    await page.goto(`/messages/${ada.id}`);
    await page.getByText(zh.youBlocked(ada.username)).waitFor();
    expect(await page.getByLabel(zh.writeMessage).count()).toBe(0);
    await page.getByRole("button", { name: zh.unblock }).tap();
    await page.getByLabel(zh.writeMessage).waitFor();
  });

  test("the login says what it is for, in the guest's language", async () => {
    const { page } = await browser.visit(server.origin, "phone");
    await page.goto("/");
    await inView(page).locator(".rail-like").tap();
    await page.getByRole("dialog", { name: zh.loginTo.like }).getByRole("link", { name: zh.logIn }).tap();
    await page.getByRole("heading", { name: zh.loginTitle }).waitFor();
    await page.getByText(zh.loginTo.like).waitFor();
    await page.getByRole("main").getByRole("link", { name: zh.toRegister }).tap();
    await page.getByText(zh.loginTo.like).waitFor();
    await page.getByRole("button", { name: "English" }).tap();
    await page.getByText(en.loginTo.like).waitFor();
    await page.getByRole("button", { name: "中文" }).waitFor();
    for (const [path, action] of [
      ["/upload", "upload"],
      ["/messages", "message"],
      ["/me", "profile"],
    ] as const) {
      await page.goto(path);
      await page.getByText(en.loginTo[action], { exact: true }).waitFor();
    }
  });

  test("a finger on the progress bar sees time and thumb, and the film waits for it", async () => {
    const visitor = await browser.visit(server.origin, "phone", { reducedMotion: "reduce" });
    const { page, devtools } = visitor;
    await page.goto(`/video/${videoId}`);
    const video = inView(page).locator("video");
    const paused = () => video.evaluate((film): boolean => film.paused);
    const time = () => video.evaluate((film): number => film.currentTime);
    await until("it plays", async () => !(await paused()) && (await time()) > 0);
    const bar = inView(page).getByRole("slider");
    const { x, y, width, height } = (await bar.boundingBox())!;
    const touch = (type: "touchStart" | "touchMove", share: number) =>
      devtools.send("Input.dispatchTouchEvent", {
        type,
        touchPoints: [{ x: x + width * share, y: y + height / 4 }],
      });
    await touch("touchStart", 0.2);
    for (let share = 0.25; share <= 0.75; share += 0.05) await touch("touchMove", share);
    await until("the film waits", paused);
    const shown = (selector: string, of?: string) =>
      inView(page)
        .locator(selector)
        .evaluate((one, pseudo) => one.ownerDocument.defaultView.getComputedStyle(one, pseudo).opacity, of);
    await expect.poll(() => shown(".scrubber-time")).toBe("1");
    await expect.poll(() => shown(".scrubber")).toBe("1");
    const duration = await video.evaluate((film): number => film.duration);
    // The picture is that of the position under the finger.
    await until("the picture", async () => Math.abs((await time()) - duration * 0.75) < duration * 0.06);
    await devtools.send("Input.dispatchTouchEvent", { type: "touchEnd", touchPoints: [] });
    await until("it plays on", async () => !(await paused()));
    await expect.poll(() => shown(".scrubber-time")).toBe("0");
  });

  test("the field of comments is as tall as its text, up to a point", async () => {
    const bob = await server.register();
    const { page } = await sit(bob, "desk");
    await page.goto(`/video/${videoId}?comments`);
    const field = page.getByLabel(en.writeComment);
    const height = async () => (await field.boundingBox())!.height;
    const one = await height();
    await field.fill("One word more. ".repeat(12));
    const more = await height();
    expect(more).toBeGreaterThan(one + 20);
    await field.fill("One word more. ".repeat(33));
    expect(await height()).toBeLessThan(180);
    await field.fill("short");
    expect(await height()).toBe(one);
  });

  test.each([
    ["DISK_FULL", "disk is full"],
    ["NOT_KNOWN_YET", "not reachable"],
  ])("a server that asks to wait, because of %s, is explained in words, for every action", async (reason, word) => {
    const words = new RegExp(`${word}.* Try again in 30 seconds\\.`);
    const bob = await friend();
    const visitor = await sit(bob, "desk");
    visitor.expectStatus(503);
    const { page } = visitor;
    await page.goto(`/video/${videoId}`);
    // The film is there before the page listens to keys.
    await inView(page).getByRole("button", { name: en.moreActions, exact: true }).waitFor();
    const later = (route: Route) =>
      route.fulfill({
        status: 503,
        headers: { "retry-after": "30" },
        contentType: "application/problem+json",
        body: JSON.stringify({ reason, detail: "Later." }),
      });
    await page.route("**/api/v1/**", (route) =>
      route.request().method() === "GET" || route.request().url().includes("/sessions")
        ? route.continue()
        : later(route),
    );
    await keepToasts(page);
    const told = page.locator(".toast", { hasText: words });
    const actions: (() => Promise<unknown>)[] = [
      () => page.keyboard.press("l"),
      () => page.keyboard.press("f"),
      async () => (await menu(page, en.moreActions)).getByRole("button", { name: en.dislike }).click(),
    ];
    for (const action of actions) {
      await action();
      await told.waitFor();
      await until("it is taken back", async () => (await inView(page).textContent())?.includes("The newest"));
      await page.evaluate("document.querySelector('.toast')?.hidePopover()");
    }
    // The text stays, with the reason next to it.
    for (const [path, label] of [
      [`/video/${videoId}?comments`, en.writeComment],
      [`/messages/${ada.id}`, en.writeMessage],
    ] as const) {
      await page.goto(path);
      const field = page.getByRole("textbox", { name: label });
      await field.fill("Worth keeping");
      await page.keyboard.press("Enter");
      await page.locator(".toast, [role=alert]", { hasText: words }).first().waitFor();
      await expect.poll(() => page.getByRole("main").textContent()).toContain("Worth keeping");
    }
    const alert = page.getByRole("alert").filter({ hasText: words });
    await page.goto("/upload");
    const file = { name: "a.mp4", mimeType: "video/mp4", buffer: freshClip() };
    await page.locator("input[type=file]").setInputFiles(file);
    await alert.waitFor();
    await page.route(/\/api\/v1\/feed/, later);
    await page.goto("/");
    await alert.waitFor();
  });
});
