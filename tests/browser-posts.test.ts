import type { Page } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { zh } from "#apps/web/src/i18n/zh.ts";
import { browsing, loggedIn } from "./harness/browser.ts";
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
  const sit = (person: Person, device: "phone" | "desk", options = {}) =>
    browser.visit(server.origin, device, {
      ...loggedIn(server.origin, person.session),
      reducedMotion: "reduce",
      ...options,
    });
  const inView = (page: Page) => page.locator("article[data-active=true]");
  const words = () => `For @${ben.username}\nhttps://example.org/a\n${"long words ".repeat(60)}#end`;
  const now = async () => body(await ada.get<Video>(`/videos/${id}`));

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
  });
});
