import { readFile } from "node:fs/promises";
import type { Page } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { browsing, loggedIn } from "./harness/browser.ts";
import { clip, cutOffClip, freshClip } from "./harness/clips.ts";
import { body } from "./harness/http-client.ts";
import { nameControls, overflowPx, paleTexts, showsFocus } from "./harness/page-checks.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";
import { zipEntries } from "./harness/zip-entries.ts";

describe("the pages of the web client", () => {
  const server = scenario("all");
  const browser = browsing();
  let ada: Person;
  let videoId: string;
  beforeAll(async () => {
    ada = await server.register();
    for (const title of ["An old title", "A title"]) {
      videoId = (await ada.publish(freshClip(), title)).id;
      await ada.settled(videoId);
    }
  });
  /** A session each, since a refresh token is good for one browser. */
  const asAda = async () => loggedIn(server.origin, (await server.logIn(ada.username, ada.password)).session);

  test.each([
    ["phone", "这个文件不是视频，请选择 MP4、MOV、WebM 等视频，或图片。"],
    ["desk", "This file is not a video. Choose a video such as MP4, MOV or WebM, or pictures."],
  ] as const)("a file that is no video is refused in plain words, on a %s", async (device, words) => {
    const visitor = await browser.visit(server.origin, device, await asAda());
    const { page } = visitor;
    await page.goto("/upload");
    // The first is recognised before it is sent, the second only by the server.
    visitor.expectStatus(422);
    for (const name of ["bright-left.jpg", "song-with-cover.mp4"]) {
      const answer = name.endsWith("mp4") ? page.waitForResponse("**/uploads/tus/*") : undefined;
      await choose(page, `holiday-${name}.mp4`, clip(name));
      expect((await answer)?.status()).toBe(answer && 422);
      const alert = page.getByRole("alert").filter({ hasText: `holiday-${name}.mp4` });
      await alert.getByText(words, { exact: true }).waitFor();
    }
  });

  test("a video that cannot be prepared says why, at once and later", async () => {
    const { page } = await browser.visit(
      server.origin,
      "phone",
      loggedIn(server.origin, (await server.register()).session),
    );
    const why = "视频文件已损坏，请确认它能在你的设备上播放，或重新导出。";
    await page.goto("/upload");
    await choose(page, "half.webm", cutOffClip());
    await page.getByRole("button", { name: /发布/ }).click();
    await page.getByRole("heading", { name: "视频发布失败" }).waitFor();
    await page.getByRole("alert").getByText(why).waitFor();
    await page.getByRole("link", { name: "我", exact: true }).click();
    await page.getByRole("button", { name: /^失败/ }).click();
    await page.getByRole("dialog").getByText(why).waitFor();
  });

  test("the language is the browser's, until another one is chosen", async () => {
    const inFrench = await browser.visit(server.origin, "desk", { locale: "fr-FR" });
    await inFrench.page.goto("/login");
    await inFrench.page.getByRole("heading", { name: "Welcome back" }).waitFor();
    const { page } = await browser.visit(server.origin, "desk", { locale: "zh-TW" });
    await page.goto("/settings");
    await page.getByRole("heading", { name: "设置" }).waitFor();
    expect(await languageOf(page)).toMatch(/^zh/);
    await page.getByRole("radio", { name: "English" }).check();
    await page.getByRole("heading", { name: "Settings" }).waitFor();
    await page.reload();
    await page.getByRole("heading", { name: "Settings" }).waitFor();
    expect(await languageOf(page)).toBe("en");
    expect(await page.title()).toBe("Settings · Douya");
    await page.getByRole("radio", { name: "中文" }).check();
    await page.getByRole("heading", { name: "设置" }).waitFor();
  });

  test.each([
    ["phone", "打包我的数据", /^下载（/],
    ["desk", "Put my data together", /^Download \(/],
  ] as const)("one's own data is put together and loaded, on a %s", async (device, ask, load) => {
    const { session } = await server.register();
    const { page } = await browser.visit(server.origin, device, loggedIn(server.origin, session));
    await page.goto("/settings");
    await page.getByRole("button", { name: ask }).click();
    const link = page.getByRole("link", { name: load });
    await link.waitFor();
    const loading = page.waitForEvent("download");
    await link.click();
    const file = await loading;
    expect(file.suggestedFilename()).toBe("douya-export.zip");
    expect([...zipEntries(await readFile(await file.path())).keys()]).toContain("data/profile.json");
    await page.getByRole("button", { name: ask }).waitFor({ state: "detached" });
  });

  test("the theme is the system's, until another one is chosen", async () => {
    const { page } = await browser.visit(server.origin, "desk", { colorScheme: "dark" });
    await page.goto("/settings");
    const [dark, light] = ["rgb(11, 15, 13)", "rgb(250, 251, 248)"];
    await expect.poll(() => backgroundOf(page)).toBe(dark);
    await page.emulateMedia({ colorScheme: "light" });
    await expect.poll(() => backgroundOf(page)).toBe(light);
    await page.getByRole("radio", { name: "Dark" }).check();
    await expect.poll(() => backgroundOf(page)).toBe(dark);
    await page.reload();
    await expect.poll(() => backgroundOf(page)).toBe(dark);
    await page.getByRole("radio", { name: "Light" }).check();
    await page.emulateMedia({ colorScheme: "dark" });
    await expect.poll(() => backgroundOf(page)).toBe(light);
  });

  test("every control has a name, every text its contrast, and nothing is wider than a small phone", async () => {
    const guest = await browser.visit(server.origin, "phone", { viewport: { width: 320, height: 640 } });
    const member = await browser.visit(server.origin, "desk", await asAda());
    const small = { viewport: { width: 320, height: 640 } };
    const mobile = await browser.visit(server.origin, "phone", { ...small, ...(await asAda()) });
    const bob = await server.register();
    body(await bob.put(`/users/${ada.id}/follow`), 204);
    body(await bob.post(`/videos/${videoId}/comments`, { json: { text: "A comment" } }), 201);
    body(await bob.post(`/conversations/${ada.id}/messages`, { json: { content: "A message" } }), 201);
    const social = [
      "/notifications",
      "/messages",
      `/messages/${bob.id}`,
      `/user/${ada.id}/followers`,
      "/hot",
      `/video/${videoId}?comments`,
    ];
    const visits = [
      [guest, ["/login", "/register", "/settings", `/user/${ada.id}`, "/video/1", "/nowhere"]],
      [member, ["/", "/upload", "/me", "/settings", `/video/${videoId}`, ...social]],
      [mobile, ["/me?tab=likes", ...social]],
    ] as const;
    for (const [visitor, pages] of visits) {
      visitor.expectStatus(404);
      const { page } = visitor;
      for (const path of pages) {
        await page.goto(path);
        await page.locator("main :is(h1, h2, article, .chat)").first().waitFor();
        if (path.endsWith("comments")) await page.locator(".comment").first().waitFor();
        await expect.poll(() => page.locator(".spinner").count()).toBe(0);
        if (path !== "/") await expect.poll(() => page.title(), { message: path }).toContain(" · ");
        const body = page.locator("body");
        const { count, nameless } = await nameControls(visitor);
        expect(count, path).toBeGreaterThan(3);
        expect(nameless).toEqual([]);
        expect(await overflowPx(body), path).toBe(0);
        for (const colorScheme of ["dark", "light"] as const) {
          await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
          // Polled, since colours may fade.
          await expect.poll(() => paleTexts(body), { message: `${path} ${colorScheme}` }).toEqual([]);
        }
      }
    }
  });

  test("the videos can be watched with nothing but a keyboard", async () => {
    const { page } = await browser.visit(server.origin, "desk");
    await page.goto("/");
    const inView = page.locator("article[data-active=true]");
    await inView.getByText("A title", { exact: true }).waitFor();
    const focused = page.locator(":focus");
    await page.keyboard.press("Tab");
    expect(await focused.textContent()).toBe("Skip to content");
    expect(await showsFocus(focused)).toBe(true);
    await page.keyboard.press("Enter");
    expect(await focused.getAttribute("id")).toBe("main");
    const reached: string[] = [];
    for (let i = 0; i < 13; i++) {
      await page.keyboard.press("Tab");
      expect(await showsFocus(focused), await focused.ariaSnapshot()).toBe(true);
      reached.push(await focused.ariaSnapshot());
    }
    const wanted = [
      'button "Pause"',
      'button "Click for sound"',
      `link "${ada.username}"`,
      "slider",
      'button "Share"',
    ];
    for (const control of wanted) expect(reached).toContainEqual(expect.stringContaining(`- ${control}`));

    const paused = () => inView.locator("video").evaluate((video): boolean => video.paused);
    await page.keyboard.press("ArrowDown");
    await inView.getByText("An old title", { exact: true }).waitFor();
    await until("it plays", async () => !(await paused()));
    // Not the button of the video before, which had the focus.
    await page.keyboard.press("Space");
    await expect.poll(paused).toBe(true);
    await page.keyboard.press("Space");
    await expect.poll(paused).toBe(false);
    await page.keyboard.press("ArrowUp");
    await inView.getByText("A title", { exact: true }).waitFor();
  });
});

async function choose(page: Page, name: string, buffer: Buffer) {
  await page.locator("input[type=file]").setInputFiles({ name, mimeType: "video/mp4", buffer });
}
const languageOf = (page: Page) => page.locator("html").getAttribute("lang");
const backgroundOf = (page: Page) =>
  page
    .locator("body")
    .evaluate((body): string => body.ownerDocument.defaultView.getComputedStyle(body).backgroundColor);
