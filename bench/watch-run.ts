import { type Browser, chromium, type Page } from "playwright-core";
import { randomOf } from "#platform/testing/random.ts";
import { browserFlags, findChromium } from "#tests/harness/chromium.ts";
import type { Bench } from "./bench.ts";
import { videoOf } from "./client.ts";
import { serveFilms } from "./films.ts";
import { type Row, row } from "./scoreboard.ts";
import { type Line, lines, movedMs, openPhone, percentile, swipeOn } from "./viewer.ts";

const swipes = 50;
const seed = 50;
const awayMs = 5000;

/** One film in view after the other, in their order: how long it is, and how long it is watched. */
const visit = (() => {
  const random = randomOf(seed);
  return Array.from({ length: swipes + 1 }, (_, i) => {
    // No two are the same file, and their lengths are spread.
    const lengthS = 5 + ((i * 20) % (swipes + 1)) / 10;
    const sort = random.next();
    if (sort < 0.3) return { lengthS, watchedS: 1 + random.next() };
    if (sort < 0.65) return { lengthS, watchedS: lengthS * (0.2 + 0.7 * random.next()) };
    return { lengthS, watchedS: lengthS * (1 + 0.3 * random.next()) };
  });
})();

/** Counts how long the film in view waited for data, and until where each film was seen. */
const count = `
  window.seenS = {};
  window.waitedMs = 0;
  window.playedMs = 0;
  let lastMs = performance.now();
  const tick = () => {
    const nowMs = performance.now();
    const film = document.querySelector(".slide[data-active=true] video");
    // One that ends and begins again seeks.
    if (film && !film.paused && !film.seeking && film.currentTime > 0) {
      if (film.readyState >= 3) window.playedMs += nowMs - lastMs;
      else window.waitedMs += nowMs - lastMs;
      const title = film.closest(".slide").querySelector(".caption-title").textContent;
      window.seenS[title] = Math.max(window.seenS[title] ?? 0, film.currentTime);
    }
    lastMs = nowMs;
    requestAnimationFrame(tick);
  };
  requestAnimationFrame(tick);`;

/**
 * A guest goes through 50 films: some are left at once, some are seen to their end. `away`: in the middle the line is
 * away for 5 s.
 */
export function watchRun(name: string, line: Line, budgetMs: number, away = false): Bench {
  return async (environment) => {
    // The newest is seen first.
    const lengthsS = visit.map(({ lengthS }) => lengthS).reverse();
    const { server, ids } = await serveFilms(environment.owns, lengthsS);
    const browser = await chromium.launch({ executablePath: findChromium()!, args: browserFlags });
    environment.owns({ stop: () => browser.close() });
    const films = await Promise.all(
      ids.map(async (id, i) => ({
        id,
        title: `Run ${i}`,
        url: (await videoOf(server.port, null, id)).playUrl!,
      })),
    );
    const run = await watchFilms(browser, `http://127.0.0.1:${server.port}/`, films, line, away);
    await browser.close();
    await server.stop();
    const rows: Row[] = [50, 75, 95].map((part) => {
      const ms = percentile(run.swipeMs, part / 100);
      const budget = part === 75 && !away ? `≤ ${budgetMs}` : "";
      return row(`swipe p${part} of 50 ${name}`, "ms", ms, budget, budget === "" || ms <= budgetMs, run);
    });
    // While the line is away nothing could be fetched: that run shows what is felt of it.
    const judged = (of: string, percent: number, most: number) =>
      row(`${of} ${name}`, "%", percent, away ? "" : `≤ ${most}`, away || percent <= most);
    return [...rows, judged("rebuffer", run.rebuffer, 0.5), judged("unseen bytes", run.unseen, 25)];
  };
}

interface RunFilm {
  id: string;
  title: string;
  url: string;
}

async function watchFilms(browser: Browser, url: string, films: RunFilm[], line: Line, away: boolean) {
  const { page, setLine } = await openPhone(browser, line);
  try {
    const fetched = await noteFetched(page);
    await page.addInitScript(count);
    await page.goto(url, { waitUntil: "commit" });
    await movedMs(page);
    const swipeMs: number[] = [];
    for (const [i, { watchedS }] of visit.slice(0, swipes).entries()) {
      if (away && i === swipes / 2) {
        await setLine(lines.away);
        setTimeout(() => setLine(line).catch(() => {}), awayMs);
      }
      await page.waitForTimeout(watchedS * 1000);
      swipeMs.push(await swipeOn(page));
    }
    const { seenS, waitedMs, playedMs } = (await page.evaluate("({ seenS, waitedMs, playedMs })")) as {
      seenS: Record<string, number>;
      waitedMs: number;
      playedMs: number;
    };
    const bytes = await unseenOf(fetched, films, seenS);
    return {
      swipeMs,
      rebuffer: (100 * waitedMs) / (waitedMs + playedMs),
      unseen: (100 * bytes.unseen) / bytes.all,
      bytes,
      waitedMs,
      playedMs,
    };
  } finally {
    await page.context().close();
  }
}

interface Fetched {
  /** The bytes that came of a path from an offset on. */
  parts: { path: string; from: number; bytes: number }[];
  /** Playlists of rungs, by path. */
  playlists: Map<string, string>;
  /** The sizes of whole files. */
  sizes: Map<string, number>;
}

async function noteFetched(page: Page): Promise<Fetched> {
  const fetched: Fetched = { parts: [], playlists: new Map(), sizes: new Map() };
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Network.enable");
  const byRequest = new Map<string, Fetched["parts"][number]>();
  devtools.on("Network.responseReceived", ({ requestId, response }) => {
    const { pathname: path } = new URL(response.url);
    const range = /^bytes (\d+)-\d+\/(\d+)$/.exec(
      response.headers["content-range"] ?? response.headers["Content-Range"] ?? "",
    );
    if (!range) return;
    const part = { path, from: Number(range[1]), bytes: 0 };
    fetched.sizes.set(path, Number(range[2]));
    fetched.parts.push(part);
    byRequest.set(requestId, part);
  });
  devtools.on("Network.dataReceived", ({ requestId, dataLength }) => {
    const part = byRequest.get(requestId);
    if (part) part.bytes += dataLength;
  });
  page.on("response", async (response) => {
    const { pathname } = new URL(response.url());
    if (/\/\d+\.m3u8$/.test(pathname)) fetched.playlists.set(pathname, await response.text().catch(() => ""));
  });
  return fetched;
}

/** Of what came, how much was never in view. */
async function unseenOf(
  { parts, playlists, sizes }: Fetched,
  films: RunFilm[],
  seenS: Record<string, number>,
) {
  const lengthS = new Map(films.map(({ title }, i) => [title, visit[swipes - i]!.lengthS]));
  const fragments = new Map<string, { title: string; fromS: number; toS: number }>();
  for (const [path, text] of playlists) {
    const film = films.find(({ id }) => path.includes(`/${id}/`))!;
    let fromS = 0;
    for (const [, seconds, offset, uri] of text.matchAll(
      /#EXTINF:([\d.]+),\n#EXT-X-BYTERANGE:\d+@(\d+)\n(.+)/g,
    )) {
      const toS = fromS + Number(seconds);
      const { pathname } = new URL(uri!, `http://any.test${path}`);
      fragments.set(`${pathname} ${offset}`, { title: film.title, fromS, toS });
      fromS = toS;
    }
  }
  let all = 0;
  let unseen = 0;
  let streamed = 0;
  /** Of fragments of which nothing was seen. */
  let unseenWhole = 0;
  for (const { path, from, bytes } of parts) {
    all += bytes;
    const file = films.find(({ url }) => url.endsWith(path));
    if (file) {
      const share = Math.min(1, (seenS[file.title] ?? 0) / lengthS.get(file.title)!);
      unseen += Math.max(0, from + bytes - Math.max(from, sizes.get(path)! * share));
      continue;
    }
    streamed += bytes;
    const fragment = fragments.get(`${path} ${from}`);
    // The head of a rung is small.
    if (!fragment) continue;
    const { title, fromS, toS } = fragment;
    const shown = Math.min(1, Math.max(0, ((seenS[title] ?? 0) - fromS) / (toS - fromS)));
    unseen += bytes * (1 - shown);
    if (shown === 0) unseenWhole += bytes;
  }
  return { all, unseen, streamed, unseenWhole };
}
