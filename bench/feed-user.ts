import type { Bench } from "./bench.ts";
import type { StaticAnswer } from "./ceilings/answer-from-memory.ts";
import { answerTo, apiFeed, type Caller, classicFeed, getRequest, pairRequests } from "./client.ts";
import { runLoad, startGenerator } from "./generate.ts";
import { compare, median } from "./rounds.ts";
import { ratioRow, row } from "./scoreboard.ts";
import { startWorker } from "./worker.ts";
import { someVideos } from "./writes.ts";

const connections = 64;
const callerCount = 1000;
/** Everybody likes something every 50 seconds. */
const likesPerSecond = 20;
/** Far from the pairs that the other benchmarks of the town begin with: liking twice is refused. */
const likedFrom = 5_000_000;

/**
 * The classic feed of 1,000 people who follow 200 each, against node:http with one such page in memory; and the same
 * while they like what they see, which has pages made anew.
 */
export const feedUser: Bench = async (environment, { rounds, roundMs, profileDir }) => {
  const dataset = await environment.dataset();
  const server = await dataset.serve({ profileDir });
  const generator = environment.owns(startGenerator());
  const memory = environment.owns(startWorker<StaticAnswer, number>("ceilings/answer-from-memory"));
  const callers = await dataset.callers(server, callerCount);
  const answer = await answerTo(server.port, classicFeed(callers[0]!));
  const memoryPort = await memory.ask(answer);
  const requests = feedRequests(callers);
  const measure = (port: number) => async () =>
    (await runLoad(generator, { port, requests, connections, durationMs: roundMs })).perSecond;
  const compared = await compare(rounds, measure(server.port), measure(memoryPort));

  const perSecond = Math.floor(compared.ours / 2);
  const calm = { port: server.port, requests, connections, perSecond, durationMs: roundMs };
  const p99s: number[] = [];
  for (let i = 0; i < rounds; i++) p99s.push((await runLoad(generator, calm)).p99Ms);

  const liking = environment.owns(startGenerator());
  const likes = pairRequests("/douyin/favorite/action/", callers, "video_id", await someVideos(dataset));
  const live: number[] = [];
  for (let from = likedFrom; live.length < rounds; ) {
    const some = { port: server.port, requests: { ...likes, from }, connections: 4 };
    const [reading, liked] = await Promise.all([
      runLoad(generator, { port: server.port, requests, connections, durationMs: roundMs }),
      runLoad(liking, { ...some, perSecond: likesPerSecond, durationMs: roundMs }),
    ]);
    from += liked.sent;
    live.push(reading.perSecond);
  }
  for (const it of [generator, liking, memory, server, dataset]) await it.stop();
  const p99Ms = median(p99s);
  const detail = { bodyBytes: Buffer.byteLength(answer.body) };
  return [
    ratioRow("feed-user", "requests/s", compared, { atLeast: 0.2 }, detail),
    row("feed-user-live", `requests/s beside ${likesPerSecond} likes/s`, median(live), "", true, { live }),
    row("feed-user-p99", `ms at ${perSecond}/s`, p99Ms, "≤ 20 ms", p99Ms <= 20, { perSecond, p99s }),
  ];
};

/** The first page of our own client for the same people, with one such page in memory as the ceiling. */
export const feedApiUser: Bench = async (environment, { rounds, roundMs, profileDir }) => {
  const dataset = await environment.dataset();
  const server = await dataset.serve({ profileDir });
  const generator = environment.owns(startGenerator());
  const memory = environment.owns(startWorker<StaticAnswer, number>("ceilings/answer-from-memory"));
  const pages = (await dataset.callers(server, callerCount)).map(apiFeed);
  const answer = await answerTo(server.port, pages[0]!);
  const memoryPort = await memory.ask(answer);
  const requests = pages.map(({ path, headers }) => getRequest(path, headers));
  const rate = (port: number) => async () =>
    (await runLoad(generator, { port, requests, connections, durationMs: roundMs })).perSecond;
  const compared = await compare(rounds, rate(server.port), rate(memoryPort));
  for (const it of [generator, memory, server, dataset]) await it.stop();
  const detail = { bodyBytes: Buffer.byteLength(answer.body) };
  return [ratioRow("feed-api-user", "requests/s", compared, { atLeast: 0.4 }, detail)];
};

export function feedRequests(callers: Caller[]): string[] {
  return callers.map((caller) => getRequest(classicFeed(caller).path));
}
