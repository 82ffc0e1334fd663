import { fileURLToPath } from "node:url";
import type { Locator, Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { zh } from "#apps/web/src/i18n/zh.ts";
import { browsing, type Visitor } from "./harness/browser.ts";
import { freshClip } from "./harness/clips.ts";
import { shapes } from "./harness/deployment.ts";
import { dropFile, limitUpload, swipe } from "./harness/gestures.ts";
import { body, expectProblem } from "./harness/http-client.ts";
import { type Scenario, scenario } from "./harness/scenario.ts";
import { soonMs, until } from "./harness/within.ts";

const film = fileURLToPath(new URL("../apps/server/demo/aurora.mp4", import.meta.url));

const everywhere = [
  ["phone", "all", zh],
  ["desk", "split", en],
  ["desk", "cluster", en],
] as const;

describe.each(
  everywhere.filter(([, shape]) => shapes.includes(shape)),
)("the web client on a %s, %s", (device, shape, t) => {
  const server = scenario(shape);
  const browser = browsing();

  test("from an empty installation to a video that is watched, and gone again", async () => {
    const ada = await browser.visit(server.origin, device);
    const { page } = ada;
    const press = (name: string) => page.getByRole("button", { name, exact: true }).click();
    const follow = (name: string) => page.getByRole("link", { name, exact: true }).first().click();
    const title = device === "phone" ? "墨印 · 第一枚" : "Ink stamp, the first";

    // Nothing to watch yet: the next step is an upload, which needs an account.
    await page.goto("/");
    await follow(t.emptyAction);
    await follow(t.toRegister);
    await fillIn(page, t);
    await press(t.registerAction);
    await page.getByText(t.dropHint).waitFor();
    const removeOthers = await publishOthers(server);

    const token = tokenOf(page);
    // So slow that it has not ended before it may.
    await limitUpload(ada, 30_000);
    if (device === "phone") await chooseFile(page, t, film);
    else await dropFile(ada, page.getByRole("region", { name: t.uploadTitle }), film);
    await moves(page.getByRole("progressbar", { name: t.sending }));
    await page.getByLabel(t.titleLabel).fill(title);
    const steps = await followPipeline(page);
    // One need not wait for the end of the upload.
    if (device === "phone") await press(t.publishWhenSent);
    await limitUpload(ada);
    if (device === "desk") await press(t.publish);
    await page.getByRole("heading", { name: t.publishedTitle }).waitFor();
    expect(["uploaded", "processing"]).toContain((await steps())[0]);
    expect((await steps()).at(-1)).toBe("done");

    await follow(t.watch);
    await plays(page, title);
    const { pathname } = new URL(page.url());
    expect(await page.title()).toContain(title);

    await follow(t.home);
    await plays(page, title);
    await page.keyboard.press("ArrowDown");
    await plays(page, "two");
    await onward(ada);
    await plays(page, "one");
    await back(ada);
    await plays(page, "two");
    await page.keyboard.press("k");
    await plays(page, title);

    await press(device === "phone" ? t.tapForSound : t.clickForSound);
    await expect.poll(() => isMuted(page)).toBe(false);
    await page
      .getByRole("button", { name: device === "phone" ? t.tapForSound : t.clickForSound })
      .waitFor({ state: "hidden" });
    await inView(page).getByRole("button", { name: t.soundOff }).click();
    await expect.poll(() => isMuted(page)).toBe(true);

    await page.keyboard.press("Space");
    await expect.poll(() => isPaused(page)).toBe(true);
    await pointAtMiddle(ada, inView(page).getByRole("slider"));
    await expect.poll(() => shareOf(page)).toBeCloseTo(0.5, 1);
    await page.keyboard.press("ArrowLeft");
    await expect.poll(() => shareOf(page)).toBeLessThan(0.4);
    await page.keyboard.press("Space");
    await plays(page, title);

    await follow(t.me);
    await page.getByRole("link", { name: t.openVideo(title) }).waitFor();
    await follow(t.settings);
    const left = await token;
    body(await server.api("GET", "/me", { token: left }));
    // The list above the button moves it when it comes.
    await page.getByText(t.thisDevice, { exact: true }).waitFor();
    await press(t.logOut);
    await page.getByRole("link", { name: t.logIn, exact: true }).waitFor();
    expectProblem(await server.api("GET", "/me", { token: left }), 401, "SESSION_ENDED");

    await follow(t.logIn);
    await fillIn(page, t);
    await press(t.loginAction);
    await press(t.manage(title));
    await press(t.deleteVideo);
    await press(t.deleteAction);
    await page.getByRole("heading", { name: t.noOwnVideosTitle }).waitFor();
    expectProblem(await server.api("GET", pathname.replace("video", "videos")), 404, "VIDEO_NOT_FOUND");
    await follow(t.home);
    await plays(page, "two");
    // Files are shared by those who show the same: the cluster's next scenario is to find none of these.
    await page.close();
    await removeOthers();
  });
});

async function fillIn(page: Page, t: typeof en) {
  await page.getByLabel(t.username).fill("Ada Lovelace");
  await page.getByLabel(t.password, { exact: true }).fill("enchantress");
}

/** Two videos of another person: "two" is the newer one. Returns what deletes them. */
async function publishOthers(server: Scenario) {
  const bob = await server.register();
  const ids: string[] = [];
  for (const title of ["one", "two"]) {
    const { id } = await bob.publish(freshClip(), title);
    expect((await bob.settled(id)).state).toBe("published");
    ids.push(id);
  }
  return async () => {
    for (const id of ids) body(await bob.delete(`/videos/${id}`), 204);
  };
}

/** The token that the client sends with its next upload. */
function tokenOf(page: Page): Promise<string> {
  return new Promise((resolve) => {
    page.on("request", (request) => {
      const { authorization } = request.headers();
      if (request.url().endsWith("/uploads/tus") && authorization)
        resolve(authorization.replace("Bearer ", ""));
    });
  });
}

async function chooseFile(page: Page, t: typeof en, path: string) {
  const [chooser] = await Promise.all([
    page.waitForEvent("filechooser"),
    page.getByRole("button", { name: t.chooseFile }).click(),
  ]);
  await chooser.setFiles(path);
}

/** A progress bar is seen at two positions between its ends. */
async function moves(bar: Locator) {
  const seen = new Set<number>();
  const isSeen = async () => {
    const now = Number(await bar.getAttribute("aria-valuenow"));
    if (now > 0 && now < 100) seen.add(now);
    return seen.size > 1;
  };
  await until("progress", isSeen, soonMs);
}

/** Records every step of the pipeline that the page shows from now on. */
async function followPipeline(page: Page): Promise<() => Promise<string[]>> {
  await page.evaluate(`
    steps = [];
    new MutationObserver(() => {
      const step = document.querySelector(".pipeline-steps [aria-current=step]")?.dataset.state;
      if (step && step !== steps.at(-1)) steps.push(step);
    }).observe(document.body, { subtree: true, childList: true, attributes: true });
  `);
  return () => page.evaluate("steps");
}

const inView = (page: Page) => page.locator("article[data-active=true]");
const videoOf = (page: Page) => inView(page).locator("video");
const timeOf = (page: Page) => videoOf(page).evaluate((video): number => video.currentTime);
const shareOf = (page: Page) => videoOf(page).evaluate((video): number => video.currentTime / video.duration);
const isMuted = (page: Page) => videoOf(page).evaluate((video): boolean => video.muted);
const isPaused = (page: Page) => videoOf(page).evaluate((video): boolean => video.paused);

/** The video with this title is in view, is visible, and its time advances. */
async function plays(page: Page, title: string) {
  await until(`"${title}" in view`, async () => (await inView(page).textContent())?.includes(title));
  const start = await timeOf(page);
  // Both ways, since a short clip may start again meanwhile.
  await until(`"${title}" plays`, async () => Math.abs((await timeOf(page)) - start) > 0.5);
  // It plays while it is still on its way.
  await until(`"${title}" in the middle`, async () => {
    const { x, y, width, height } = (await videoOf(page).boundingBox())!;
    const screen = page.viewportSize()!;
    expect(x + width / 2).toBeGreaterThan(0);
    expect(x + width / 2).toBeLessThan(screen.width);
    expect(y + height / 2).toBeCloseTo(screen.height / 2, -2);
    return true;
  });
  // Not a black rectangle, and not behind something else.
  expect(
    await videoOf(page).evaluate(
      (video) => video.videoWidth * video.checkVisibility({ visibilityProperty: true }),
    ),
  ).toBeGreaterThan(0);
}

/** To the next video, as on this device. */
async function onward(visitor: Visitor) {
  if (visitor.touch) return swipe(visitor, -500);
  await visitor.page.mouse.move(640, 400);
  await visitor.page.mouse.wheel(0, 120);
}
async function back(visitor: Visitor) {
  if (visitor.touch) return swipe(visitor, 500);
  await visitor.page.mouse.wheel(0, -120);
}

async function pointAtMiddle({ page, touch }: Visitor, bar: Locator) {
  const { x, y, width, height } = (await bar.boundingBox())!;
  const at = [x + width / 2, y + height / 2] as const;
  await (touch ? page.touchscreen.tap(...at) : page.mouse.click(...at));
}
