import type { Bench } from "./bench.ts";
import type { StaticAnswer } from "./ceilings/answer-from-memory.ts";
import { type Caller, getRequest, pairRequests } from "./client.ts";
import { runLoad, startGenerator } from "./generate.ts";
import { compare, median } from "./rounds.ts";
import { ratioRow, row } from "./scoreboard.ts";
import { startWorker } from "./worker.ts";
import { someVideos } from "./writes.ts";

const connections = 64;
const callerCount = 1000;
/** Everybody likes something every 50 seconds. */
const likesPerSecond = 20;

/**
 * The classic feed of 1,000 people who follow 200 each, against node:http with one such page in memory; and the same
 * while they like what they see, which has pages made anew.
 */
export const feedUser: Bench = async (world, { rounds, roundMs, profileDir }) => {
  const town = await world.town();
  const server = await town.serve({ profileDir });
  const generator = world.owns(startGenerator());
  const memory = world.owns(startWorker<StaticAnswer, number>("ceilings/answer-from-memory"));
  const callers = await town.callers(server, callerCount);
  const response = await fetch(`http://127.0.0.1:${server.port}/douyin/feed/?token=${callers[0]!.token}`);
  const body = await response.text();
  const memoryPort = await memory.ask({ body, contentType: response.headers.get("content-type")! });
  const requests = feedRequests(callers);
  const measure = (port: number) => async () =>
    (await runLoad(generator, { port, requests, connections, durationMs: roundMs })).perSecond;
  const compared = await compare(rounds, measure(server.port), measure(memoryPort));

  const perSecond = Math.floor(compared.ours / 2);
  const calm = { port: server.port, requests, connections, perSecond, durationMs: roundMs };
  const p99s: number[] = [];
  for (let i = 0; i < rounds; i++) p99s.push((await runLoad(generator, calm)).p99Ms);

  const liking = world.owns(startGenerator());
  const likes = pairRequests("/douyin/favorite/action/", callers, "video_id", await someVideos(town));
  const live: number[] = [];
  for (let from = 0; live.length < rounds; ) {
    const some = { port: server.port, requests: { ...likes, from }, connections: 4 };
    const [reading, liked] = await Promise.all([
      runLoad(generator, { port: server.port, requests, connections, durationMs: roundMs }),
      runLoad(liking, { ...some, perSecond: likesPerSecond, durationMs: roundMs }),
    ]);
    from += liked.sent;
    live.push(reading.perSecond);
  }
  for (const it of [generator, liking, memory, server, town]) await it.stop();
  const p99Ms = median(p99s);
  const detail = { bodyBytes: Buffer.byteLength(body) };
  return [
    ratioRow("feed-user", "requests/s", compared, { atLeast: 0.2 }, detail),
    row("feed-user-live", `requests/s beside ${likesPerSecond} likes/s`, median(live), "", true, { live }),
    row("feed-user-p99", `ms at ${perSecond}/s`, p99Ms, "≤ 20 ms", p99Ms <= 20, { perSecond, p99s }),
  ];
};

export function feedRequests(callers: Caller[]): string[] {
  return callers.map(({ token }) => getRequest(`/douyin/feed/?token=${token}`));
}
