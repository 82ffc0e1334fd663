import type { Page } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { zh } from "#apps/web/src/i18n/zh.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import { browsing, holdRequests, loggedIn } from "./harness/browser.ts";
import { freshClip } from "./harness/clips.ts";
import { body, type Schemas } from "./harness/http-client.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

type Video = Schemas["Video"];

describe("what a post says and who sees it, in the browser", () => {
  const server = scenario("all");
  const browser = browsing();
  let ada: Person;
  let ben: Person;
  let id: string;
  beforeAll(async () => {
    [ada, ben] = [await server.register(), await server.register()];
    id = (await ada.publish(freshClip(), "Garden #spring")).id;
    await ada.settled(id);
  });
  /** At a device of their own each time: a session is renewed once. */
  const sit = async (person: Person, device: "phone" | "desk", options = {}) => {
    const { session } = await server.logIn(person.username, person.password);
    return browser.visit(server.origin, device, {
      ...loggedIn(server.origin, session),
      reducedMotion: "reduce",
      ...options,
    });
  };
  const inView = (page: Page) => page.locator("article[data-active=true]");
  const words = () => `For @${ben.username}\nhttps://example.org/a\n${"long words ".repeat(60)}#end`;
  const now = async () => body(await ada.get<Video>(`/videos/${id}`));

  test.each([
    ["en-US", en],
    ["zh-CN", zh],
  ])("its author sees what is done for it, why a try failed and when the next one is, %s", async (locale, t) => {
    const tell = (ladder: string, step: object) =>
      queryOnce(
        server.deployment.databaseUrl,
        `update video.video set ladder = '${ladder}', ladder_rungs = 2, steps = steps || jsonb_build_object('improving',
          '${JSON.stringify({ sinceMs: Date.now(), ...step })}'::jsonb) where id = ${id} returning id`,
      );
    await tell("waiting", { reason: "DISK_FULL", nextTryAtMs: Date.now() + 3_600_000 });
    const { page } = await sit(ada, "phone", { locale });
    await page.goto("/me");
    await page.getByRole("button", { name: t.manage("Garden #spring") }).click();
    const dialog = page.getByRole("dialog");
    const steps = (state: string) => dialog.locator(`.work-steps li[data-state=${state}]`);
    await steps("done").getByText(t.workNames.processing).waitFor();
    const [why] = t.reasons.DISK_FULL.split("{");
    await steps("waiting").getByText(why!.trim()).waitFor();
    await steps("waiting").getByText(t.nextTryIn("").trim()).waitFor();
    // It follows what happens.
    await tell("failed", { reason: "RENDITIONS_FAILED" });
    await steps("failed").getByText(t.reasons.RENDITIONS_FAILED).waitFor();
    await dialog.getByRole("link", { name: t.watch }).waitFor();
    await tell("done", {});
  });

  test("a link that counts is copied although the server names it after the tap, when Safari copies no more", async () => {
    const { page } = await sit(ben, "desk", { permissions: ["clipboard-read", "clipboard-write"] });
    await page.addInitScript(`
      Clipboard.prototype.writeText = () => Promise.reject(new DOMException("late", "NotAllowedError"));
      document.execCommand = () => false;
    `);
    await page.goto(`/video/${id}`);
    await inView(page).getByRole("button", { name: en.moreActions }).click();
    await page.getByRole("dialog").getByRole("button", { name: en.copyLink }).click();
    await page.getByText(en.linkCopied).waitFor();
    expect(await page.evaluate("navigator.clipboard.readText()")).toMatch(/\/s\/\w{10}$/);
  });

  test("its author describes it, keeps it for friends, and sees so on their page", async () => {
    const { page } = await sit(ada, "desk");
    await page.goto("/me");
    await page.getByRole("button", { name: en.manage("Garden #spring") }).click();
    await page.getByRole("dialog").getByRole("button", { name: en.editVideo }).click();
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("textbox", { name: en.descriptionLabel }).fill(words());
    await dialog.getByRole("radio", { name: en.visibilities.friends }).check();
    await dialog.getByRole("checkbox", { name: en.commentsAllowed }).uncheck();
    await dialog.getByRole("checkbox", { name: en.downloadAllowed }).uncheck();
    await dialog.getByRole("button", { name: en.save }).click();
    await dialog.waitFor({ state: "detached" });
    await page.locator(".tile .visibility-mark", { hasText: en.visibilities.friends }).waitFor();
    expect(await now()).toMatchObject({
      description: words(),
      visibility: "friends",
      commentsAllowed: false,
      downloadAllowed: false,
    });
    // The cover and the film are at signed addresses by now, and are shown.
    await expect.poll(() => page.locator(".tile img").evaluate((img) => img.naturalWidth)).toBeGreaterThan(0);
    await page.locator(".tile").click();
    await inView(page).getByText(en.edited, { exact: true }).waitFor();
    await expect
      .poll(() =>
        inView(page)
          .locator("video")
          .evaluate((film) => film.readyState),
      )
      .toBeGreaterThan(1);
    // Nobody else has it.
    expect((await ben.get(`/videos/${id}`)).status).toBe(404);
  });

  test("a description is folded to two lines, unfolds, and its names and links lead on", async () => {
    body(
      await ada.patch<Video>(`/videos/${id}`, {
        json: { description: words(), visibility: "unlisted", downloadAllowed: true },
      }),
    );
    const { page } = await sit(ben, "phone", { locale: "zh-CN" });
    await page.goto(`/video/${id}`);
    const text = inView(page).locator(".caption-description");
    await text.waitFor();
    const height = () =>
      text.evaluate((box) => {
        const { lineHeight } = box.ownerDocument.defaultView.getComputedStyle(box);
        return box.getBoundingClientRect().height / Number.parseFloat(lineHeight);
      });
    expect(Math.round(await height())).toBe(2);
    await inView(page).getByRole("button", { name: zh.more }).click();
    await until("it is open", async () => (await height()) > 3);
    await inView(page).getByText("#end", { exact: true }).waitFor();
    await inView(page).getByText("#spring", { exact: true }).waitFor();
    const link = inView(page).locator(".caption-description a[href='https://example.org/a']");
    expect(await link.getAttribute("rel")).toContain("ugc");
    await inView(page).getByText(zh.visibilities.unlisted, { exact: true }).waitFor();
    await inView(page).getByRole("button", { name: zh.moreActions }).click();
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.getByRole("dialog").getByRole("link", { name: zh.saveVideo }).click(),
    ]);
    expect(download.suggestedFilename()).toMatch(/^douya-[0-9a-f]{12}\.mp4$/);
    await inView(page)
      .getByRole("link", { name: `@${ben.username}` })
      .click();
    await page.waitForURL(`**/user/${ben.id}`);
  });

  test("a draft is saved for a time, nobody else has it, and it is out when its author says so", async () => {
    const upload = body(await ada.upload(freshClip()), 201);
    const json = { uploadId: upload.id, title: "Sown", draft: true };
    const draft = await ada.settled(body(await ada.post<Video>("/videos", { json }), 201).id);
    expect(draft.state).toBe("ready");
    const { page } = await sit(ada, "desk", { timezoneId: "Asia/Shanghai" });
    await page.goto("/me");
    const mark = page.locator(".own", { hasText: "Sown" }).locator(".visibility-mark");
    await expect.poll(() => mark.textContent()).toBe(en.draft);
    const edit = async () => {
      await page.getByRole("button", { name: en.manage("Sown") }).click();
      await page.getByRole("dialog").getByRole("button", { name: en.editVideo }).click();
      return page.getByRole("dialog");
    };
    const save = async (dialog: ReturnType<Page["getByRole"]>) => {
      await dialog.getByRole("button", { name: en.save }).click();
      await dialog.waitFor({ state: "detached" });
    };
    const nextYear = new Date(Date.now() + 200 * 24 * 3_600_000).toISOString().slice(0, 10);
    const timed = await edit();
    await timed.getByRole("radio", { name: en.publications.time }).check();
    await timed.getByText("Asia/Shanghai").waitFor();
    await timed.getByLabel(en.publishAtLabel).fill(`${nextYear}T09:30`);
    await save(timed);
    await mark.getByText(/9:30/).waitFor();
    const stored = body(await ada.get<Video>(`/videos/${draft.id}`));
    expect(stored.publishAt).toBe(`${nextYear}T01:30:00.000Z`);
    expect((await ben.get(`/videos/${draft.id}`)).status).toBe(404);
    const now = await edit();
    expect(await now.getByLabel(en.publishAtLabel).inputValue()).toBe(`${nextYear}T09:30`);
    await now.getByRole("radio", { name: en.publications.now }).check();
    await save(now);
    await mark.waitFor({ state: "detached" });
    expect(body(await ben.get<Video>(`/videos/${draft.id}`)).publishedAt).not.toBeNull();
  });

  test("who keeps a video finds it in their profile, goes on from there to what else they keep, and may let it go", async () => {
    body(await ada.patch<Video>(`/videos/${id}`, { json: { visibility: "public" } }));
    const other = (await ada.publish(freshClip(), "Kept before")).id;
    await ada.settled(other);
    body(await ben.put(`/videos/${other}/bookmark`), 204);
    const { page } = await sit(ben, "phone", { locale: "en-US" });
    await page.goto(`/video/${id}`);
    const button = inView(page).getByRole("button", { name: new RegExp(`^${en.bookmark}`) });
    await button.tap();
    await expect.poll(() => button.getAttribute("aria-pressed")).toBe("true");
    await until("it is kept", async () => body(await ben.get<Video>(`/videos/${id}`)).bookmarked);
    await expect.poll(() => button.textContent()).toMatch(/1$/);
    await page.goto("/me");
    await page.getByRole("button", { name: en.bookmarks, exact: true }).tap();
    const tiles = page.getByRole("region", { name: en.bookmarks }).getByRole("link");
    await expect.poll(() => tiles.allTextContents()).toHaveLength(2);
    await tiles.first().tap();
    await page.waitForURL((url) => url.pathname === `/video/${id}` && url.searchParams.has("kept"));
    await page
      .locator(".slide[aria-posinset='2']", { hasText: "Kept before" })
      .waitFor({ state: "attached" });
    await button.tap();
    await until("it is let go", async () => !body(await ben.get<Video>(`/videos/${id}`)).bookmarked);
    // Nobody else has the tab.
    await page.goto(`/user/${ada.id}?tab=bookmarks`);
    await page.getByRole("button", { name: en.liked }).waitFor();
    expect(await page.getByRole("button", { name: en.bookmarks, exact: true }).count()).toBe(0);
  });

  test("what one keeps is kept in every list, also where an answer from before comes later", async () => {
    const { page } = await sit(ben, "phone", { locale: "en-US" });
    await page.goto(`/video/${id}`);
    const button = inView(page).getByRole("button", { name: new RegExp(`^${en.bookmark}`) });
    const release = await holdRequests(page, "**/bookmark");
    await button.tap();
    await expect.poll(() => button.getAttribute("aria-pressed")).toBe("true");
    // The list of its author has not heard of it.
    await inView(page).getByRole("link", { name: ada.username }).first().tap();
    await page.waitForURL(`**/user/${ada.id}`);
    await page.locator(`a[href*="/video/${id}"]`).first().tap();
    await page.waitForURL((url) => url.pathname === `/video/${id}`);
    await button.waitFor();
    expect(await button.getAttribute("aria-pressed")).toBe("true");
    release();
    await until("it is kept", async () => body(await ben.get<Video>(`/videos/${id}`)).bookmarked);
    expect(await button.getAttribute("aria-pressed")).toBe("true");
    await expect.poll(() => button.textContent()).toMatch(/1$/);
    body(await ben.delete(`/videos/${id}/bookmark`), 204);
  });

  test("who reposts a video shows it on their profile, to everybody", async () => {
    body(await ada.patch<Video>(`/videos/${id}`, { json: { visibility: "public" } }));
    const { page } = await sit(ben, "phone", { locale: "en-US" });
    await page.goto(`/video/${id}`);
    const toggle = async () => {
      await inView(page).getByRole("button", { name: en.moreActions, exact: true }).tap();
      await page.getByRole("dialog").getByRole("button", { name: en.repost }).tap();
    };
    await toggle();
    await until("it is reposted", async () => body(await ben.get<Video>(`/videos/${id}`)).reposted);
    await page.goto(`/user/${ben.id}?tab=reposts`);
    const tiles = page.getByRole("region", { name: en.reposts }).getByRole("link");
    await expect.poll(() => tiles.allTextContents()).toHaveLength(1);
    await tiles.first().tap();
    await page.waitForURL(`**/video/${id}`);
    await toggle();
    await until("it is not reposted", async () => !body(await ben.get<Video>(`/videos/${id}`)).reposted);
  });

  test("a film whose address has ended gets the next one and plays", async () => {
    body(await ada.patch<Video>(`/videos/${id}`, { json: { visibility: "private" } }));
    const { page, expectStatus } = await sit(ada, "desk");
    // The page itself is the same for everybody; and the address that has ended.
    expectStatus(404);
    let ended = 0;
    await page.route(`**/api/v1/videos/${id}`, async (route) => {
      const answer = await route.fetch();
      const video = (await answer.json()) as Video;
      // As one that was given long ago.
      if (ended++ === 0) video.playUrl = video.playUrl!.replace(/until=\d+/, "until=1");
      await route.fulfill({ response: answer, json: video });
    });
    await page.goto(`/video/${id}`);
    await expect
      .poll(() =>
        inView(page)
          .locator("video")
          .evaluate((film) => film.readyState),
      )
      .toBeGreaterThan(1);
    expect(ended).toBeGreaterThan(1);
    await page.unrouteAll({ behavior: "wait" });
  });
});
