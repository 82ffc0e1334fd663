import { readFile } from "node:fs/promises";
import { chromium, type Page } from "playwright-core";
import { browserFlags, findChromium } from "#tests/harness/chromium.ts";
import type { Bench } from "./bench.ts";
import { publishClip, waitForFeed } from "./client.ts";
import { demoFilms, waitForRungs } from "./films.ts";
import { type Row, row } from "./scoreboard.ts";
import { lines, movedMs, openPhone, quartile, swipeOn } from "./viewer.ts";

const swipes = demoFilms.length - 1;
/** How long a film is watched before the next key: long enough to fetch the one after it. */
const watchedMs = 2000;
/** `stream`: the rung that is nearest to the file, by hls.js. */
const sources = {
  file: {},
  stream: { quality: 720 },
};
const budgetsMs = { loopback: { first: 400, swipe: 100 }, "4G": { first: 1500, swipe: 150 } };

/**
 * What a guest with a cold browser waits for: from the navigation to the first moving film, and from a key to the
 * next; of files, and of streams. There is no ceiling: most of it is the browser, so compare with the table of the
 * same machine.
 */
export const firstFrame: Bench = async (environment, { rounds }) => {
  const [author] = await environment.callers();
  const server = await environment.serve({ env: { DOUYA_RUNGS: "360,720" } });
  const ids: string[] = [];
  for (const name of demoFilms)
    ids.push(await publishClip(server.port, author!, await readFile(`apps/server/demo/${name}.mp4`), name));
  await waitForFeed(server.port, (titles) => titles.includes(demoFilms.at(-1)!));
  await waitForRungs(server.port, ids);
  const browser = await chromium.launch({ executablePath: findChromium()!, args: browserFlags });
  environment.owns({ stop: () => browser.close() });
  const rows: Row[] = [];
  for (const line of ["loopback", "4G"] as const)
    for (const source of ["file", "stream"] as const) {
      const firstMs: number[] = [];
      const swipeMs: number[] = [];
      // The first visit warms the server up and does not count.
      for (let round = 0; round <= rounds; round++) {
        const { page } = await openPhone(browser, lines[line], sources[source]);
        const visit = await measureVisit(page, `http://127.0.0.1:${server.port}/`);
        if (round === 0) continue;
        firstMs.push(visit.firstMs);
        swipeMs.push(...visit.swipeMs);
      }
      for (const [name, samples, budgetMs] of [
        [`first-frame ${line} ${source}`, firstMs, budgetsMs[line].first],
        [`swipe ${line} ${source}`, swipeMs, budgetsMs[line].swipe],
      ] as const) {
        const p75 = quartile(samples);
        rows.push(row(name, "ms p75", p75, `≤ ${budgetMs}`, p75 <= budgetMs, { samples }));
      }
    }
  await browser.close();
  await server.stop();
  return rows;
};

async function measureVisit(page: Page, url: string) {
  try {
    await page.goto(url, { waitUntil: "commit" });
    const firstMs = await movedMs(page);
    const swipeMs: number[] = [];
    for (let i = 0; i < swipes; i++) {
      await page.waitForTimeout(watchedMs);
      swipeMs.push(await swipeOn(page));
    }
    return { firstMs, swipeMs };
  } finally {
    await page.context().close();
  }
}
