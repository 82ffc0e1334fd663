import type { Bench } from "./bench.ts";
import { apiFeed, type Caller, classicFeed, getRequest, pairRequests } from "./client.ts";
import { runLoad, startGenerator } from "./generate.ts";
import { cachedPages, comparePages } from "./page-rates.ts";
import { median } from "./rounds.ts";
import { ratioRow, row } from "./scoreboard.ts";
import { someVideos } from "./writes.ts";

const callerCount = 1000;
/** Everybody likes something every 50 seconds. */
const likesPerSecond = 20;
/** Far from the pairs of the other benchmarks: liking twice is refused. */
const likedFrom = 5_000_000;

/**
 * The classic feed of 1,000 people who follow 200 each; and the same while they like what they see, which changes
 * pages.
 */
export const feedUser: Bench = async (environment, options) => {
  const { rounds, roundMs, profileDir } = options;
  const dataset = await environment.dataset();
  const server = await dataset.serve({ profileDir });
  const callers = await dataset.callers(server, callerCount);
  const pages = callers.map(classicFeed);
  const { compared, detail, load, generator, stop } = await comparePages(environment, server, pages, options);

  const perSecond = Math.floor(compared.ours / 2);
  const p99s: number[] = [];
  for (let i = 0; i < rounds; i++) p99s.push((await runLoad(generator, { ...load, perSecond })).p99Ms);

  const liking = environment.owns(startGenerator());
  const likes = pairRequests("/douyin/favorite/action/", callers, "video_id", await someVideos(dataset));
  const lives: number[] = [];
  for (let from = likedFrom; lives.length < rounds; ) {
    const some = { port: server.port, requests: { ...likes, from }, connections: 4 };
    const [reading, liked] = await Promise.all([
      runLoad(generator, load),
      runLoad(liking, { ...some, perSecond: likesPerSecond, durationMs: roundMs }),
    ]);
    from += liked.sent;
    lives.push(reading.perSecond);
  }
  await stop();
  for (const it of [liking, server, dataset]) await it.stop();
  const p99Ms = median(p99s);
  const live = median(lives);
  const kept = live / compared.ours;
  return [
    ratioRow("feed-user", cachedPages, compared, { atLeast: 0.45 }, detail),
    {
      ...row(
        "feed-user-live",
        `${cachedPages} with ${likesPerSecond} likes/s`,
        live,
        "≥ 0.55",
        kept >= 0.55,
        { lives },
      ),
      ceiling: compared.ours,
      ratio: kept,
    },
    row("feed-user-p99", `ms at ${perSecond}/s, cached pages`, p99Ms, "≤ 20 ms", p99Ms <= 20, {
      perSecond,
      p99s,
    }),
  ];
};

/** The first page of our own client, for the same people. */
export const feedApiUser: Bench = async (environment, options) => {
  const dataset = await environment.dataset();
  const server = await dataset.serve({ profileDir: options.profileDir });
  const pages = (await dataset.callers(server, callerCount)).map(apiFeed);
  const { compared, detail, stop } = await comparePages(environment, server, pages, options);
  await stop();
  for (const it of [server, dataset]) await it.stop();
  return [ratioRow("feed-api-user", cachedPages, compared, { atLeast: 0.4 }, detail)];
};

export function feedRequests(callers: Caller[]): string[] {
  return callers.map((caller) => getRequest(classicFeed(caller).path));
}
