import type { Page } from "playwright-core";
import { beforeAll, describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { browsing, loggedIn } from "./harness/browser.ts";
import { freshClip } from "./harness/clips.ts";
import { body, type Schemas } from "./harness/http-client.ts";
import { png } from "./harness/pictures.ts";
import { type Person, scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

type Video = Schemas["Video"];
interface Watched {
  video: Video;
  positionMs: number;
  picture: number | null;
  ended: boolean;
}

describe("what is watched in the browser", () => {
  const server = scenario("all");
  const browser = browsing();
  let ada: Person;
  let videos: Video[];
  beforeAll(async () => {
    ada = await server.register();
    videos = [];
    for (const title of ["One", "Two", "Three"]) {
      const { id } = await ada.publish(freshClip("upright-8s.mp4"), title);
      videos.push(await ada.settled(id));
    }
  });

  async function visit(person: Person) {
    const { session } = await server.logIn(person.username, person.password);
    return browser.visit(server.origin, "desk", loggedIn(server.origin, session));
  }
  const active = (page: Page) => page.locator(".slide[data-active=true]");
  const atS = (page: Page) =>
    active(page)
      .locator("video")
      .evaluate((film): number => film.currentTime);
  const playsBeyond = (page: Page, seconds: number) => expect.poll(() => atS(page)).toBeGreaterThan(seconds);
  const history = async (person: Person) =>
    body(await person.get<{ items: Watched[]; paused: boolean }>("/history")).items;
  const viewsOf = async ({ id }: Video) => body(await server.api<Video>("GET", `/videos/${id}`)).counts.views;

  test("is told of by the feed, for members and guests: views, history, where it was left", async () => {
    const ben = await server.register();
    const { page } = await visit(ben);
    await page.goto("/");
    for (const title of ["Three", "Two", "One"]) {
      await active(page).filter({ hasText: title }).waitFor();
      await playsBeyond(page, 4.5);
      if (title !== "One") await page.keyboard.press("ArrowDown");
    }
    await page.keyboard.press(" ");
    await until(
      "history",
      async () => (await history(ben)).map(({ video }) => video.title).join() === "One,Two,Three",
    );
    for (const video of videos) await until("a view", async () => (await viewsOf(video)) === 1);

    const guest = await browser.visit(server.origin, "phone");
    await guest.page.goto(`/video/${videos[0]!.id}`);
    await playsBeyond(guest.page, 4.5);
    await until("the view of a guest", async () => (await viewsOf(videos[0]!)) === 2);
  });

  test("goes on where it was left after the page was left, or from its start", async () => {
    const ben = await server.register();
    const { page } = await visit(ben);
    const { id } = videos[0]!;
    const begun = page.waitForResponse((response) => response.url().endsWith("/playback/sessions"));
    await page.goto(`/video/${id}`);
    await (await begun).finished();
    await playsBeyond(page, 2);
    // Nothing but the end of the page tells it.
    await page.goto("/settings");
    await until("it was told", async () => body(await ben.get<Video>(`/videos/${id}`)).resume !== null);
    const stoppedMs = body(await ben.get<Video>(`/videos/${id}`)).resume!.positionMs;
    expect(stoppedMs).toBeGreaterThan(1_900);
    await page.goto(`/video/${id}`);
    const back = page.getByRole("button", { name: en.fromTheStart });
    await back.waitFor();
    await expect.poll(() => atS(page)).toBeGreaterThanOrEqual(stoppedMs / 1000 - 0.1);
    await back.click();
    await expect.poll(() => atS(page)).toBeLessThan(1.9);
    await back.waitFor({ state: "detached" });
  });

  test("of pictures, the one that was seen last", async () => {
    const ben = await server.register();
    const pictures: { uploadId: string }[] = [];
    for (let i = 0; i < 3; i++)
      pictures.push({ uploadId: body(await ada.upload(png(300 + i, 400)), 201).id });
    const json = { pictures, title: "Walls", visibility: "unlisted" };
    const post = await ada.settled(body(await ada.post<Video>("/videos", { json }), 201).id);
    const { page } = await visit(ben);
    await page.goto(`/video/${post.id}`);
    await page.getByRole("img").first().waitFor();
    await page.keyboard.press("ArrowRight");
    await page.locator("figure[aria-hidden=false]").nth(0).getByRole("img").waitFor();
    await until("it was told", async () => (await history(ben))[0]?.picture === 2);
    await page.reload();
    await expect
      .poll(() => page.locator(".pictures").evaluate((box): number => box.scrollLeft / box.clientWidth))
      .toBe(1);
  });

  test("is listed by days, opened where it was left, removed, cleared, and not recorded while that is paused", async () => {
    const ben = await server.register();
    const begin = { json: { videoIds: videos.map(({ id }) => id) } };
    const { sessions } = body(
      await ben.post<{ sessions: { videoId: string; token: string }[] }>("/playback/sessions", begin),
    );
    for (const { videoId, token } of sessions) {
      const entry = { token, watchedMs: 0, positionMs: 4_000, at: Date.now() };
      body(await ben.post("/playback/beacons", { json: { entries: [entry] } }), 202);
      await until("history", async () => (await history(ben))[0]?.video.id === videoId);
    }
    const { page } = await visit(ben);
    await page.goto("/history");
    const rows = page.getByRole("region", { name: "today" }).getByRole("listitem");
    await expect.poll(() => rows.locator("strong").allTextContents()).toEqual(["Three", "Two", "One"]);
    await expect.poll(() => rows.first().textContent()).toContain("0:04 / 0:08");
    await page.getByRole("button", { name: en.removeOf("Two") }).click();
    await expect.poll(() => rows.locator("strong").allTextContents()).toEqual(["Three", "One"]);
    await until("removed", async () => (await history(ben)).length === 2);

    await rows.last().getByRole("link").click();
    await page.getByRole("button", { name: en.fromTheStart }).waitFor();
    await playsBeyond(page, 4);
    await page.keyboard.press("ArrowDown");
    // The list goes on as it was, then with others.
    await active(page).filter({ hasNotText: "One" }).locator("video").waitFor();
    await page.goBack();

    const recording = page.getByRole("switch", { name: en.recordHistory });
    await recording.click();
    await page.getByText(en.historyPaused).waitFor();
    const paused = async () => body(await ben.get<{ paused: boolean }>("/history")).paused;
    await until("paused", paused);
    await page.getByRole("button", { name: en.clearHistory }).click();
    await page.getByRole("dialog").getByRole("button", { name: en.clearHistory }).click();
    await page.getByRole("heading", { name: en.noHistoryTitle }).waitFor();
    const { id } = videos[1]!;
    await page.goto(`/video/${id}`);
    const told = page.waitForResponse((response) => response.url().endsWith("/playback/beacons"));
    await playsBeyond(page, 3);
    expect((await told).status()).toBe(202);
    await page.goto("/history");
    await page.getByRole("heading", { name: en.noHistoryTitle }).waitFor();
    expect(await recording.isChecked()).toBe(false);
    expect(await history(ben)).toEqual([]);
    await recording.click();
    await until("recorded", async () => !(await paused()));
  });

  test("is shared much: it is in a ranking, which goes on where it was opened", async () => {
    for (const { id } of videos) body(await ada.post(`/videos/${id}/shares`), 201);
    const ben = await server.register();
    body(await ben.post(`/videos/${videos[0]!.id}/shares`), 201);
    const { page } = await visit(ben);
    await page.goto("/hot");
    await page.getByRole("button", { name: en.rankings.shared }).click();
    const rows = page.getByRole("list", { name: en.rankings.shared }).getByRole("listitem");
    await expect.poll(() => rows.count()).toBe(3);
    await expect.poll(() => rows.first().textContent()).toMatch(/One.*2/);
    const second = (await rows.nth(1).locator("strong").textContent())!;
    await rows.first().getByRole("link").click();
    await active(page).filter({ hasText: "One" }).locator("video").waitFor();
    await page.keyboard.press("ArrowDown");
    await active(page).filter({ hasText: second }).waitFor();
    await page.goBack();
    await expect.poll(() => rows.count()).toBe(3);
  });
});
