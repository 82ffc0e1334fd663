import { readFile } from "node:fs/promises";
import { type Browser, chromium, type Page } from "playwright-core";
import { browserFlags, findChromium } from "#tests/harness/chromium.ts";
import type { Bench } from "./bench.ts";
import { publishClip, waitForFeed } from "./client.ts";
import { type Row, row } from "./scoreboard.ts";

const films = ["sunset", "flower", "aurora", "silk"];
const swipes = films.length - 1;
const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
const waitMs = 30_000;
/** How long a film is watched before the next key: long enough to fetch the one after it. */
const watchedMs = 2000;
const lines = {
  loopback: undefined,
  "4G": { offline: false, latency: 60, downloadThroughput: 9e6 / 8, uploadThroughput: 4e6 / 8 },
};
const budgetsMs = { loopback: { first: 600, swipe: 150 }, "4G": { first: 1700, swipe: 150 } };

/** Notes when a film other than `before` first moves while part of it is in view. */
const watch = `
  window.moved = undefined;
  const look = () => {
    for (const film of document.querySelectorAll("video")) {
      const { top, bottom } = film.getBoundingClientRect();
      const seen = top < innerHeight && bottom > 0 && getComputedStyle(film).visibility === "visible";
      if (seen && film !== window.before && !film.paused && film.currentTime > 0 && film.readyState >= 2)
        window.moved ??= { atMs: performance.now(), film };
    }
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
  addEventListener("keydown", () => {
    window.before = window.moved.film;
    window.moved = undefined;
    window.pressedMs = performance.now();
  }, true);`;

/**
 * What a guest with a cold browser waits for: from the navigation to the first moving film, and from a key to the
 * next. There is no ceiling: most of it is the browser, so compare with the table of the same machine.
 */
export const firstFrame: Bench = async (environment, { rounds }) => {
  const [author] = await environment.callers();
  const server = await environment.serve();
  for (const name of films)
    await publishClip(server.port, author!, await readFile(`apps/server/demo/${name}.mp4`), name);
  await waitForFeed(server.port, (titles) => titles.includes(films.at(-1)!));
  const browser = await chromium.launch({ executablePath: findChromium()!, args: browserFlags });
  environment.owns({ stop: () => browser.close() });
  const rows: Row[] = [];
  for (const line of ["loopback", "4G"] as const) {
    const firstMs: number[] = [];
    const swipeMs: number[] = [];
    // The first visit warms the server up and does not count.
    for (let round = 0; round <= rounds; round++) {
      const visit = await measureVisit(browser, `http://127.0.0.1:${server.port}/`, lines[line]);
      if (round === 0) continue;
      firstMs.push(visit.firstMs);
      swipeMs.push(...visit.swipeMs);
    }
    for (const [name, samples, budgetMs] of [
      [`first-frame ${line}`, firstMs, budgetsMs[line].first],
      [`swipe ${line}`, swipeMs, budgetsMs[line].swipe],
    ] as const) {
      const p75 = quartile(samples);
      rows.push(row(name, "ms p75", p75, `≤ ${budgetMs}`, p75 <= budgetMs, { samples }));
    }
  }
  await browser.close();
  await server.stop();
  return rows;
};

type Line = (typeof lines)[keyof typeof lines];

async function measureVisit(browser: Browser, url: string, line: Line) {
  const context = await browser.newContext(phone);
  try {
    const page = await context.newPage();
    if (line) {
      const devtools = await context.newCDPSession(page);
      await devtools.send("Network.enable");
      await devtools.send("Network.emulateNetworkConditions", line);
    }
    await page.addInitScript(watch);
    await page.goto(url, { waitUntil: "commit" });
    const firstMs = await movedMs(page);
    const swipeMs: number[] = [];
    for (let i = 0; i < swipes; i++) {
      await page.waitForTimeout(watchedMs);
      await page.keyboard.press("ArrowDown");
      swipeMs.push((await movedMs(page)) - Number(await page.evaluate("pressedMs")));
    }
    return { firstMs, swipeMs };
  } finally {
    await context.close();
  }
}

/** When the awaited film began to move, in the page's own time. */
async function movedMs(page: Page): Promise<number> {
  for (const untilMs = Date.now() + waitMs; Date.now() < untilMs; ) {
    const atMs = await page.evaluate("window.moved?.atMs");
    if (typeof atMs === "number") return atMs;
    await page.waitForTimeout(20);
  }
  throw new Error(`no film moved within ${waitMs} ms`);
}

function quartile(samples: number[]): number {
  return samples.toSorted((a, b) => a - b)[Math.ceil(samples.length * 0.75) - 1]!;
}
