import type { Browser, Page } from "playwright-core";

/** A guest at a phone with a cold browser. */

const phone = { viewport: { width: 390, height: 844 }, isMobile: true, hasTouch: true };
const waitMs = 30_000;
const unlimited = { offline: false, latency: 0, downloadThroughput: -1, uploadThroughput: -1 };
export const lines = {
  loopback: unlimited,
  "4G": { offline: false, latency: 60, downloadThroughput: 9e6 / 8, uploadThroughput: 4e6 / 8 },
  away: { ...unlimited, offline: true },
};
export type Line = (typeof lines)[keyof typeof lines];

export interface Phone {
  page: Page;
  setLine(line: Line): Promise<unknown>;
}

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

/** A phone with a cold browser that notes what moves. */
export async function openPhone(browser: Browser, line: Line, preferences: object = {}): Promise<Phone> {
  const context = await browser.newContext(phone);
  const page = await context.newPage();
  const devtools = await context.newCDPSession(page);
  await devtools.send("Network.enable");
  const setLine = (now: Line) => devtools.send("Network.emulateNetworkConditions", now);
  await setLine(line);
  const text = JSON.stringify(JSON.stringify(preferences));
  await page.addInitScript(`localStorage.setItem("douya.preferences", ${text});`);
  await page.addInitScript(watch);
  return { page, setLine };
}

/** From the key to the next film's first moving frame. */
export async function swipeOn(page: Page): Promise<number> {
  await page.keyboard.press("ArrowDown");
  return (await movedMs(page)) - Number(await page.evaluate("pressedMs"));
}

/** When the awaited film began to move, in the page's own time. */
export async function movedMs(page: Page): Promise<number> {
  for (const untilMs = Date.now() + waitMs; Date.now() < untilMs; ) {
    const atMs = await page.evaluate("window.moved?.atMs");
    if (typeof atMs === "number") return atMs;
    await page.waitForTimeout(20);
  }
  throw new Error(`no film moved within ${waitMs} ms`);
}

export const quartile = (samples: number[]): number => percentile(samples, 0.75);

export function percentile(samples: number[], share: number): number {
  return samples.toSorted((a, b) => a - b)[Math.ceil(samples.length * share) - 1]!;
}
