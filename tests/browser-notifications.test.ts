import type { Page } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { zh } from "#apps/web/src/i18n/zh.ts";
import { browsing, loggedIn } from "./harness/browser.ts";
import { freshClip } from "./harness/clips.ts";
import { copyVideo } from "./harness/fill-feed.ts";
import { body, type Schemas } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

describe("notifications in the browser", () => {
  const server = scenario("all");
  const browser = browsing();
  let videos: string[];
  let author: Person;

  beforeAll(async () => {
    author = await server.register();
    const video = await author.settled((await author.publish(freshClip(), "A film")).id);
    videos = await copyVideo(server.deployment.databaseUrl, video.id, 3, (i) => 1_700_000_000_000 + i);
  });

  const sit = (person: Person, device: "phone" | "desk", options = {}) =>
    browser.visit(server.origin, device, {
      ...loggedIn(server.origin, person.session),
      locale: "en-US",
      ...options,
    });
  const row = (page: Page, text: string) => page.locator(".notification", { hasText: text });
  const badge = (page: Page) =>
    page.getByRole("navigation", { name: en.mainNavigation }).locator('a[href="/notifications"] .unread');
  const named = (person: Person) => person.session.user.name;

  test("what people do appears while one looks elsewhere, is said once, and leads to where it happened", async () => {
    const [ben, cleo] = await Promise.all([server.register(), server.register()]);
    const { page } = await sit(author, "desk");
    await page.goto("/hot");
    await page.getByRole("heading", { name: en.hotTitle }).waitFor();
    const said = page.getByText(en.newNotifications(1), { exact: true });
    const video = videos[0]!;
    body(await ben.put(`/videos/${video}/like`), 204);
    await said.waitFor({ state: "attached" });
    await expect.poll(() => page.title()).toMatch(/^\(\d+\) /);
    await badge(page).waitFor();
    await page.getByRole("link", { name: en.notificationsShort }).click();
    await row(page, en.notified.like([named(ben)], 0, "0")).waitFor();
    await badge(page).waitFor({ state: "detached" });
    await expect.poll(() => page.title()).toMatch(/^[^(]/);
    // What comes meanwhile comes to the top, and one more like joins the other.
    body(await cleo.put(`/videos/${video}/like`), 204);
    await row(page, en.notified.like([named(cleo), named(ben)], 0, "0")).waitFor();
    body(await cleo.post<Schemas["Comment"]>(`/videos/${video}/comments`, { json: { text: "lovely" } }), 201);
    await page
      .locator(".notification")
      .first()
      .getByText(en.notified.comment([named(cleo)], 0, "0"))
      .waitFor();
    expect(await page.locator('.notification[data-new="true"]').count()).toBeGreaterThan(1);
    await page.getByRole("button", { name: en.markAllSeen }).waitFor();
    await page.setViewportSize({ width: 320, height: 568 });
    const linesOfHeading = () =>
      page.getByRole("heading", { name: en.notifications }).evaluate((heading): number => {
        const words = heading.ownerDocument.createRange();
        words.selectNodeContents(heading);
        return words.getClientRects().length;
      });
    await expect.poll(linesOfHeading).toBe(1);
    await page.getByRole("button", { name: en.markAllSeen }).click();
    await expect.poll(() => page.locator('.notification[data-new="true"]').count()).toBe(0);
    await row(page, en.notified.comment([named(cleo)], 0, "0"))
      .getByRole("link")
      .first()
      .click();
    await page.locator('.comment[data-named="true"]', { hasText: "lovely" }).waitFor();
    expect(new URL(page.url()).pathname).toBe(`/video/${video}`);
  });

  test("a list whose refresh failed is refreshed again", async () => {
    const [ada, ben] = await Promise.all([server.register(), server.register()]);
    body(await ben.put(`/users/${ada.id}/follow`), 204);
    const { page, expectStatus } = await sit(ada, "desk");
    expectStatus(503);
    await page.goto("/notifications");
    await row(page, en.notified.follow([named(ben)], 0, "0")).waitFor();
    await page.getByRole("link", { name: en.home }).click();
    await page.locator("article[data-active=true]").waitFor();
    let refused = 0;
    const isList = (url: URL) => url.pathname === "/api/v1/notifications";
    await page.route(isList, (route) =>
      refused++ < 5 ? route.fulfill({ status: 503, headers: { "retry-after": "1" } }) : route.continue(),
    );
    const cleo = await server.register();
    body(await cleo.put(`/users/${ada.id}/follow`), 204);
    await page.getByRole("link", { name: en.notificationsShort }).click();
    await until("a refusal", () => refused > 0);
    refused = 5;
    await row(page, named(cleo)).waitFor();
  });

  test("a notification about an answer opens that answer, whatever else was said before", async () => {
    const [ada, ben] = await Promise.all([server.register(), server.register()]);
    const path = `/videos/${videos[2]!}/comments`;
    const say = async (person: Person, at: string, text: string) =>
      body(await person.post<Schemas["Comment"]>(at, { json: { text } }), 201);
    const mine = await say(ada, path, "what I said");
    for (let i = 0; i < 22; i++) await say(i % 2 ? author : ben, path, `other ${i}`);
    for (const text of ["one", "two"]) await say(ben, `${path}/${mine.id}/replies`, `answer ${text}`);
    const { page } = await sit(ada, "phone");
    await page.goto("/notifications");
    await row(page, en.notified.reply([named(ben)], 0, "0"))
      .getByRole("link")
      .first()
      .tap();
    const answer = page.locator('.comment[data-named="true"]');
    await answer.getByText("answer two").waitFor();
    expect(await answer.count()).toBe(1);
    expect(await page.locator(".comment", { hasText: "what I said" }).first().textContent()).toContain(
      "answer two",
    );
  });

  test("one follows back in the list, on a phone, where what was seen on another device is seen too", async () => {
    const [ada, ben] = await Promise.all([server.register(), server.register()]);
    body(await ben.put(`/users/${ada.id}/follow`), 204);
    // A session each: a renewed one is soon good for one browser only.
    const other = await server.logIn(ada.username, ada.password);
    const [{ page: phone }, { page: desk }] = [await sit(other, "phone"), await sit(ada, "desk")];
    await desk.goto("/settings");
    await badge(desk).waitFor();
    await phone.goto("/notifications");
    const follower = row(phone, en.notified.follow([named(ben)], 0, "0"));
    await follower.getByRole("button", { name: en.actOn(en.followBack, named(ben)) }).tap();
    await follower.getByRole("button", { name: en.actOn(en.friends, named(ben)) }).waitFor();
    await badge(desk).waitFor({ state: "detached" });
  });

  test("kinds are switched off in the settings, and are gone from the list", async () => {
    const [ada, ben] = await Promise.all([server.register(), server.register()]);
    body(await ben.put(`/users/${ada.id}/follow`), 204);
    const { page } = await sit(ada, "desk");
    await page.goto("/notifications");
    await row(page, named(ben)).waitFor();
    await page.getByRole("link", { name: en.notificationSettings, exact: true }).last().click();
    const tick = page.getByLabel(en.settingOf(en.inList, en.notificationKinds.follow));
    const saved = page.waitForResponse((response) => response.request().method() === "PUT");
    await tick.uncheck();
    await saved;
    await expect.poll(() => tick.isEnabled()).toBe(true);
    expect(await page.getByLabel(en.settingOf(en.pushed, en.notificationKinds.follow)).isDisabled()).toBe(
      true,
    );
    await page.goto("/notifications");
    await page.getByText(en.noNotificationsTitle).waitFor();
  });

  test("what is pushed is shown while no page is in view, with the place to which it leads", async () => {
    const ada = await server.register();
    const visitor = await sit(ada, "desk", { window: true });
    const { page, devtools } = visitor;
    await page.context().grantPermissions(["notifications"], { origin: server.origin });
    await page.goto("/settings");
    await page.getByRole("button", { name: en.pushOn }).waitFor();
    // Its push service is on the Internet: the test is the push service.
    await page.evaluate(
      `navigator.serviceWorker.register("/push.js").then(() => navigator.serviceWorker.ready).then(() => {})`,
    );
    const registrations = new Promise<string>((resolve) => {
      devtools.on("ServiceWorker.workerRegistrationUpdated", ({ registrations: [one] }) => {
        if (one) resolve(one.registrationId);
      });
    });
    await devtools.send("ServiceWorker.enable");
    const registrationId = await registrations;
    const context = page.context();
    const worker = context.serviceWorkers()[0] ?? (await context.waitForEvent("serviceworker"));
    await worker.evaluate(`globalThis.looks = 0;
      const look = clients.matchAll.bind(clients);
      clients.matchAll = async (query) => {
        const found = await look(query);
        looks++;
        return found;
      };`);
    /** Until the worker has looked for pages, before there is another one. */
    const push = async (message: object) => {
      const before = await worker.evaluate("looks");
      await devtools.send("ServiceWorker.deliverPushMessage", {
        origin: server.origin,
        registrationId,
        data: JSON.stringify(message),
      });
      await expect.poll(() => worker.evaluate("looks")).not.toBe(before);
    };
    const shown = () =>
      page.evaluate(
        `navigator.serviceWorker.ready
          .then((worker) => worker.getNotifications())
          .then((all) => all.map(({ body, tag, data }) => ({ body, tag, data })))`,
      );
    const like = { id: "like-5", kind: "like", language: "en", name: "Ben", others: 0, videoId: "5" };
    // Who looks at a page is told there.
    await push(like);
    await page.goto("about:blank");
    const comment = { ...like, id: "comment-6", kind: "comment", language: "zh", others: 2, videoId: "6" };
    await push({ ...comment, commentId: "7" });
    await page.goto("/settings");
    const body = zh.notified.comment(["Ben"], 2, "2");
    await expect.poll(shown).toEqual([{ body, tag: "comment-6", data: "/video/6?comments=7" }]);
  });

  test("on a phone that is pushed to from its home screen only, the settings say so", async () => {
    const { page } = await sit(await server.register(), "phone");
    // As Safari there is before that.
    await page.addInitScript("delete window.PushManager; navigator.standalone = false;");
    await page.goto("/settings");
    await page.getByText(en.pushAtHomeOnly).waitFor();
  });
});
