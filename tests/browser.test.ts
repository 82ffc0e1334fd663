import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { describe, expect, test } from "vitest";
import { en } from "#apps/web/src/i18n/en.ts";
import { zh } from "#apps/web/src/i18n/zh.ts";
import { browsing, type Visitor } from "./harness/browser.ts";
import { scenario } from "./harness/scenario.ts";
import { until } from "./harness/within.ts";

const film = fileURLToPath(new URL("../../shared/media/ink-stamp-cc0.mp4", import.meta.url));

describe.each([
  ["phone", "all", zh],
  ["desk", "split", en],
] as const)("the client on a %s, %s", (device, shape, t) => {
  const server = scenario(shape);
  const browser = browsing();

  test("from an empty installation to a video that is watched, and gone again", async () => {
    const ada = await browser.visit(server.origin, device);
    const { page } = ada;
    const press = (name: string) => button(page, name).click();
    const username = `ada-${device}`;
    const title = device === "phone" ? "墨印 · 第一枚" : "Ink stamp, the first";

    // Nothing to watch yet: the way in is to upload, for which one needs an account.
    await page.goto("/");
    await page.getByRole("link", { name: t.emptyAction }).click();
    await page.getByRole("link", { name: t.toRegister }).click();
    await enter(page, username, t);
    await press(t.registerAction);
    const token = new Promise<string>((resolve) => {
      page.on("request", (request) => {
        const { authorization } = request.headers();
        if (request.url().endsWith("/uploads") && authorization) resolve(authorization.slice(7));
      });
    });

    // A line slow enough to see how far the file is.
    await slowUpload(ada, 500_000);
    if (device === "phone") {
      const chooser = page.waitForEvent("filechooser");
      await press(t.chooseFile);
      await (await chooser).setFiles(film);
    } else await drop(ada, page.getByRole("region", { name: t.uploadTitle }), film);
    const bar = page.getByRole("progressbar", { name: t.sending });
    await until("the progress of the upload", async () => {
      const now = Number(await bar.getAttribute("aria-valuenow"));
      return now > 0 && now < 100;
    });
    await page.getByLabel(t.titleLabel).fill(title);
    await recordSteps(page);
    await press(t.publishWhenSent);
    await page.getByRole("heading", { name: t.publishedTitle }).waitFor();
    const steps = await recordedSteps(page);
    expect(steps.at(-1)).toBe("done");
    expect(["uploaded", "processing"]).toContain(steps[0]);
    await slowUpload(ada, -1);

    await page.getByRole("link", { name: t.watch }).click();
    await expect.poll(() => page.title()).toContain(title);
    await plays(page);

    await page.goto("/");
    await plays(page);
    expect((await server.api("GET", `/me`, { token: await token })).status).toBe(200);
  });
});

const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });
const activeVideo = (page: Page) => page.locator("[data-active=true] video");

async function enter(page: Page, username: string, t: typeof en) {
  await page.getByLabel(t.username).fill(username);
  await page.getByLabel(t.password, { exact: true }).fill("correct horse");
}

/** The video in view is to be seen, and its time goes on. */
async function plays(page: Page) {
  const video = activeVideo(page);
  await video.waitFor();
  const time = () => video.evaluate((element) => element.currentTime as number);
  const start = await time();
  await until("the video goes on", async () => (await time()) > start + 0.5);
  await expect.poll(() => video.isVisible()).toBe(true);
}

async function slowUpload({ devtools }: Visitor, uploadThroughput: number) {
  const line = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput };
  await devtools.send("Network.enable");
  await devtools.send("Network.emulateNetworkConditions", line);
}

/** Drops a file from outside of the browser. */
async function drop({ devtools }: Visitor, target: ReturnType<Page["locator"]>, path: string) {
  const box = (await target.boundingBox())!;
  const at = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  const data = { items: [], files: [path], dragOperationsMask: 1 };
  for (const type of ["dragEnter", "dragOver", "drop"] as const)
    await devtools.send("Input.dispatchDragEvent", { type, ...at, data });
}

/** Writes down every step of the pipeline that the page shows from now on. */
async function recordSteps(page: Page) {
  await page.evaluate(`
    window.steps = [];
    new MutationObserver(() => {
      const step = document.querySelector(".pipeline-steps [aria-current=step]")?.dataset.state;
      if (step && step !== window.steps.at(-1)) window.steps.push(step);
    }).observe(document.body, { subtree: true, childList: true, attributes: true });
  `);
}
const recordedSteps = (page: Page) => page.evaluate("window.steps") as Promise<string[]>;
