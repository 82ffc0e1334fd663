import { chromium } from "playwright-core";
import { browserFlags, findChromium } from "#tests/harness/chromium.ts";
import type { Bench } from "./bench.ts";
import { publishFilms } from "./films.ts";
import { type Row, row } from "./scoreboard.ts";
import { lines, movedMs, openPhone, type Phone, quartile, swipeOn } from "./viewer.ts";

const swipes = 50;
/** One film in three is skipped, the others are watched for a while. */
const watchedMs = [600, 2500, 4000];
const awayMs = 5000;

/** Counts how long the film in view waited for data, and how much of each film was seen. */
const count = `
  window.seen = {};
  window.waitedMs = 0;
  window.playedMs = 0;
  let lastMs = performance.now();
  const tick = () => {
    const nowMs = performance.now();
    const film = document.querySelector(".slide[data-active=true] video");
    if (film && !film.paused && film.currentTime > 0) {
      if (film.readyState >= 3) window.playedMs += nowMs - lastMs;
      else window.waitedMs += nowMs - lastMs;
      const share = film.duration ? film.currentTime / film.duration : 0;
      window.seen[film.currentSrc] = Math.max(window.seen[film.currentSrc] ?? 0, share);
    }
    lastMs = nowMs;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);`;

/** A guest goes through 50 films: on loopback, on 4G, and on 4G that is away for 5 s in the middle. */
export const watchRun: Bench = async (environment) => {
  // Rungs would be made meanwhile, and these short films are played from their files.
  const server = await environment.serve({ env: { DOUYA_RUNGS: "none" } });
  const browser = await chromium.launch({ executablePath: findChromium()!, args: browserFlags });
  environment.owns({ stop: () => browser.close() });
  const [author] = await environment.callers();
  await publishFilms(server.port, author!, swipes + 1);
  const rows: Row[] = [];
  for (const [name, line, away] of [
    ["loopback", lines.loopback, false],
    ["4G", lines["4G"], false],
    ["4G away", lines["4G"], true],
  ] as const) {
    const phone = await openPhone(browser, line);
    try {
      const run = await watchFilms(phone, `http://127.0.0.1:${server.port}/`, away && line);
      const budgetMs = line === lines["4G"] ? 150 : 100;
      const p75 = quartile(run.swipeMs);
      rows.push(row(`${swipes} swipes ${name}`, "ms p75", p75, `≤ ${budgetMs}`, p75 <= budgetMs, run));
      // While the line is away nothing could be played: that run only shows that it goes on.
      const met = (ok: boolean) => away || ok;
      rows.push(row(`rebuffer ${name}`, "%", run.rebuffer, away ? "" : "≤ 0.5", met(run.rebuffer <= 0.5)));
      rows.push(row(`unseen bytes ${name}`, "%", run.unseen, away ? "" : "≤ 25", met(run.unseen <= 25)));
    } finally {
      await phone.page.context().close();
    }
  }
  await browser.close();
  await server.stop();
  return rows;
};

/** `back`: the line that is away for a while in the middle. */
async function watchFilms({ page, setLine }: Phone, url: string, back: false | (typeof lines)["4G"]) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Network.enable");
  const paths = new Map<string, string>();
  const received = new Map<string, number>();
  const sizes = new Map<string, number>();
  devtools.on("Network.responseReceived", ({ requestId, response }) => {
    const { pathname } = new URL(response.url);
    if (!pathname.startsWith("/media/video/")) return;
    paths.set(requestId, pathname);
    const total = /\/(\d+)$/.exec(
      response.headers["content-range"] ?? response.headers["Content-Range"] ?? "",
    );
    if (total) sizes.set(pathname, Number(total[1]));
  });
  devtools.on("Network.dataReceived", ({ requestId, dataLength }) => {
    const path = paths.get(requestId);
    if (path) received.set(path, (received.get(path) ?? 0) + dataLength);
  });
  await page.addInitScript(count);
  await page.goto(url, { waitUntil: "commit" });
  await movedMs(page);
  const swipeMs: number[] = [];
  for (let i = 0; i < swipes; i++) {
    if (back && i === swipes / 2) {
      await setLine(lines.away);
      setTimeout(() => void setLine(back), awayMs);
    }
    await page.waitForTimeout(watchedMs[i % watchedMs.length]!);
    swipeMs.push(await swipeOn(page));
  }
  const { seen, waitedMs, playedMs } = (await page.evaluate("({ seen, waitedMs, playedMs })")) as {
    seen: Record<string, number>;
    waitedMs: number;
    playedMs: number;
  };
  const shares = new Map(Object.entries(seen).map(([at, share]) => [new URL(at).pathname, share]));
  let all = 0;
  let unseen = 0;
  for (const [path, bytes] of received) {
    all += bytes;
    unseen += Math.max(0, bytes - (sizes.get(path) ?? bytes) * (shares.get(path) ?? 0));
  }
  return {
    swipeMs,
    rebuffer: (100 * waitedMs) / (waitedMs + playedMs),
    unseen: (100 * unseen) / all,
    bytes: all,
  };
}
