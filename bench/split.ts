import type { Bench } from "./bench.ts";
import { feedRequests } from "./feed-user.ts";
import { runLoad, startGenerator } from "./generate.ts";
import { cachedPages, makePages } from "./page-rates.ts";
import { places } from "./places.ts";
import { compare } from "./rounds.ts";
import { ratioRow } from "./scoreboard.ts";

const connections = 64;
const callerCount = 1000;

/** The feed of 1,000 people who follow 200 each: modules in three processes, against all in one. */
export const split: Bench = async (environment, { rounds, roundMs, profileDir }) => {
  const dataset = await environment.dataset();
  const place = places(dataset, profileDir);
  const people = await place("user", "relation", "message");
  const videos = await place("video", "interaction", "feed", "playback", "moderation");
  const gateway = await place("gateway");
  const whole = await dataset.serve({ profileDir });

  const generator = environment.owns(startGenerator());
  const requests = feedRequests(await dataset.callers(whole, callerCount));
  for (const { port } of [gateway, whole]) await makePages(generator, port, requests);
  const measure = (port: number) => async () =>
    (await runLoad(generator, { port, requests, connections, durationMs: roundMs })).perSecond;
  const compared = await compare(rounds, measure(gateway.port), measure(whole.port));
  for (const it of [generator, gateway, videos, people, whole, dataset]) await it.stop();
  return [ratioRow("split", cachedPages, compared, { atLeast: 0.6 })];
};
