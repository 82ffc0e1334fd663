import type { Bench } from "./bench.ts";
import { apiFeed, type Caller, classicFeed, getRequest, pairRequests } from "./client.ts";
import { runLoad, startGenerator } from "./generate.ts";
import type { Load } from "./load/generator.ts";
import { cachedPages, comparePages } from "./page-rates.ts";
import { perReport, watching } from "./plays.ts";
import { type Comparison, median } from "./rounds.ts";
import { ratioRow, row } from "./scoreboard.ts";
import { someVideos } from "./writes.ts";

const callerCount = 1000;
/** Everybody likes something every 50 seconds. */
const likesPerSecond = 20;
const viewsPerSecond = 1_000;
/** Far from the pairs of the other benchmarks: liking twice is refused. */
const likedFrom = 5_000_000;

/**
 * The classic feed of 1,000 people who follow 200 each; the same while they like what they see, which changes
 * pages; and while players tell what they watch.
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

  const beside = environment.owns(startGenerator());
  const videos = await someVideos(dataset);
  /** How fast pages are read while others ask something else, against when nobody does. */
  async function readBeside(
    perSecond: number,
    asked: (round: number) => Load["requests"],
  ): Promise<Comparison> {
    const pairs: Comparison["rounds"] = [];
    for (let round = 0; round < rounds; round++) {
      const others = {
        port: server.port,
        requests: asked(round),
        connections: 4,
        perSecond,
        durationMs: roundMs,
      };
      const [reading] = await Promise.all([runLoad(generator, load), runLoad(beside, others)]);
      pairs.push({ ours: reading.perSecond, ceiling: compared.ours });
    }
    const ours = median(pairs.map((pair) => pair.ours));
    return { ours, ceiling: compared.ours, ratio: ours / compared.ours, rounds: pairs };
  }
  const likes = pairRequests("/douyin/favorite/action/", callers, "video_id", videos);
  const likesOfRound = likesPerSecond * (roundMs / 1000) + 1;
  const live = await readBeside(likesPerSecond, (round) => ({
    ...likes,
    from: likedFrom + round * likesOfRound,
  }));
  const reports = await watching(server.port, callers, videos);
  const watched = await readBeside(viewsPerSecond / perReport, reports);
  await stop();
  for (const it of [beside, server, dataset]) await it.stop();
  const p99Ms = median(p99s);
  return [
    ratioRow("feed-user", cachedPages, compared, { atLeast: 0.45 }, detail),
    ratioRow("feed-user-live", `${cachedPages} with ${likesPerSecond} likes/s`, live, { atLeast: 0.55 }),
    ratioRow("feed-user-views", `${cachedPages} with ${viewsPerSecond} views/s`, watched, { atLeast: 0.8 }),
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
