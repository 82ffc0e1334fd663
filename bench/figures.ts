import { readFile } from "node:fs/promises";
import { chromium } from "playwright-core";
import { browserFlags, findChromium } from "#tests/harness/chromium.ts";
import { createBenchEnvironment } from "./bench-environment.ts";
import { publishFilms } from "./films.ts";
import { lastTable } from "./last-table.ts";
import { shown } from "./rounds.ts";
import { machine } from "./scoreboard.ts";
import { lines, movedMs, openPhone, quartile, swipeOn } from "./viewer.ts";

/*
 * `npm run figures`: the short form of first-frame and swipe, on loopback, beside those of the last table in
 * docs/benchmarks.md. It judges nothing, since the machine may be busy; it fails only if nothing can be measured.
 */

const visits = 4;
const swipes = 12;
/** As of people who look for something: less than usual, so that all of it takes seconds. */
const watchedMs = 400;

const environment = await createBenchEnvironment({ videos: 0, people: 1 });
try {
  const executablePath = findChromium();
  if (!executablePath) throw new Error("there is no chromium on the PATH");
  const [author] = await environment.callers();
  const server = await environment.serve();
  await publishFilms(server.port, author!, swipes + 1);
  const browser = await chromium.launch({ executablePath, args: browserFlags });
  environment.owns({ stop: () => browser.close() });
  const measured = { "first-frame": [] as number[], swipe: [] as number[] };
  for (let visit = 0; visit <= visits; visit++) {
    const { page } = await openPhone(browser, lines.loopback);
    await page.goto(`http://127.0.0.1:${server.port}/`, { waitUntil: "commit" });
    const firstMs = await movedMs(page);
    // The first visit warms the server up and does not count.
    if (visit > 0) measured["first-frame"].push(firstMs);
    for (let i = 0; visit === visits && i < swipes; i++) {
      await page.waitForTimeout(watchedMs);
      measured.swipe.push(await swipeOn(page));
    }
    await page.context().close();
  }
  const last = lastTable(await readFile("docs/benchmarks.md", "utf8"));
  for (const [name, samples] of Object.entries(measured)) {
    const p75 = quartile(samples);
    const before = last.get(`${name} loopback file`);
    const beside =
      before === undefined
        ? "not in the last table"
        : `last table ${shown(before)} ms, ratio ${(p75 / before).toFixed(2)}`;
    console.log(`${name} loopback: ${shown(p75)} ms p75 of ${samples.length} (${beside})`);
  }
  console.log(machine());
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await environment.remove();
}
process.exit();
