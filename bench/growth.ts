import { join } from "node:path";
import type { Bench } from "./bench.ts";
import { type Dataset, type DatasetSize, keptDataset, openDataset } from "./dataset.ts";
import { feedRequests } from "./feed-user.ts";
import { runLoad, startGenerator } from "./generate.ts";
import { makePages } from "./page-rates.ts";
import { compare } from "./rounds.ts";
import { ratioRow } from "./scoreboard.ts";

/** The same number of videos per person and the same share of pulled authors, so that pages are alike. */
const smallSize: DatasetSize = {
  users: 10_000,
  follows: 200_000,
  videos: 1_000,
  pulled: { oneIn: 10, strangers: 0 },
};
const largeSize: DatasetSize = { ...smallSize, users: 1_000_000, follows: 20_000_000, videos: 100_000 };
const connections = 64;
const callerCount = 1000;

/** p99 of the feed in a large dataset, at half the peak rate of the small one, against the small one. */
export const growth: Bench = async (environment, { rounds, roundMs, profileDir }) => {
  const large = await openDataset(environment.owns, await keptDataset(largeSize), largeSize);
  const small = await openDataset(environment.owns, join(environment.dataDir, "small-dataset"), smallSize);
  const generator = environment.owns(startGenerator());
  const settle = async (dataset: Dataset) => {
    const server = await dataset.serve({ profileDir });
    const requests = feedRequests(await dataset.callers(server, callerCount));
    const load = { port: server.port, requests, connections, durationMs: roundMs };
    await makePages(generator, server.port, requests);
    return { server, load, peak: (await runLoad(generator, load)).perSecond };
  };
  const [inLarge, inSmall] = [await settle(large), await settle(small)];
  const perSecond = Math.floor(inSmall.peak / 2);
  const p99 = (load: typeof inLarge.load) => async () =>
    (await runLoad(generator, { ...load, perSecond })).p99Ms;
  const compared = await compare(rounds, p99(inLarge.load), p99(inSmall.load));
  for (const it of [generator, inLarge.server, inSmall.server, large, small]) await it.stop();
  const detail = { perSecond, peakInLarge: inLarge.peak, peakInSmall: inSmall.peak };
  return [ratioRow("growth", `ms p99 at ${perSecond}/s, cached pages`, compared, { atMost: 1.5 }, detail)];
};
