import { setTimeout as delay } from "node:timers/promises";
import { startRedis } from "#platform/testing/start-redis.ts";
import type { Bench, BenchOptions } from "./bench.ts";
import type { BenchEnvironment } from "./bench-environment.ts";
import { type Caller, getRequest } from "./client.ts";
import type { Dataset } from "./dataset.ts";
import { runLoad, startGenerator } from "./generate.ts";
import { type Row, row } from "./scoreboard.ts";
import type { ServerProcess } from "./server-process.ts";

const callerCount = 1000;
/** Of each gateway; far from what it could do, as what is measured is waiting for a check and not for a processor. */
const perSecond = 100;
const endings = 20;
/** A gateway that has just started cannot have heard the end of a session whose token is as old as that. */
const settledMs = 8_000;

/**
 * How many of all requests with a token wait less than 10 ms for the check of its session, with two gateways under load;
 * and how long a session that was ended through one of them still works at the other. Without a shared memory, and with.
 */
export const sessionCheck: Bench = async (environment, options) => {
  const dataset = await environment.dataset();
  const redis = await startRedis();
  environment.owns({ stop: redis.remove });
  const rows = [
    ...(await measure(environment, dataset, options, "", {})),
    ...(await measure(environment, dataset, options, "-redis", { DOUYA_REDIS_URL: redis.url })),
  ];
  await redis.remove();
  await dataset.stop();
  return rows;
};

async function measure(
  environment: BenchEnvironment,
  dataset: Dataset,
  { rounds, roundMs, profileDir }: BenchOptions,
  suffix: string,
  env: Record<string, string>,
): Promise<Row[]> {
  const modules = ["user", "relation", "message", "video", "interaction", "feed", "playback", "moderation"];
  const services = await dataset.serve({ target: modules.join(","), env, profileDir });
  const places = modules.map((module) => `${module}=127.0.0.1:${services.rpcPort}`).join(",");
  const gateways: ServerProcess[] = [];
  for (let i = 0; i < 2; i++)
    gateways.push(
      await dataset.serve({ target: "gateway", env: { ...env, DOUYA_SERVICES: places }, profileDir }),
    );
  await delay(settledMs);
  const generators = gateways.map(() => environment.owns(startGenerator()));
  const callers = await dataset.callers(gateways[0]!, callerCount);
  const requests = callers
    .slice(endings)
    .map(({ token }) => getRequest("/api/v1/me", { authorization: `Bearer ${token}` }));

  const slowBefore = await slowChecks(gateways);
  const loads = gateways.map(({ port }, i) =>
    runLoad(generators[i]!, { port, requests, connections: 64, perSecond, durationMs: rounds * roundMs }),
  );
  const felt: { ms: number; sent: number }[] = [];
  const ending = async () => {
    for (const caller of callers.slice(0, endings)) felt.push(await feltAfter(gateways, caller));
  };
  const [results] = await Promise.all([Promise.all(loads), ending()]);
  const feltMs = felt.map(({ ms }) => ms);
  // All of which the gateways count the slow ones.
  const sent = [...results, ...felt].reduce((all, one) => all + one.sent, 0);
  const slow = (await slowChecks(gateways)) - slowBefore;
  for (const it of [...generators, ...gateways, services]) await it.stop();

  const share = 100 * (1 - slow / sent);
  const most = Math.max(...feltMs);
  return [
    row(`session-check${suffix}`, "% of checks < 10 ms, two gateways", share, "≥ 99.99", share >= 99.99, {
      sent,
      slow,
    }),
    row(`session-felt${suffix}`, `ms, the longest of ${endings}`, most, "≤ 1000", most <= 1000, { feltMs }),
  ];
}

/** Checks that a request waited for 10 ms or longer, at all gateways. The others cost no wait. */
async function slowChecks(gateways: ServerProcess[]): Promise<number> {
  const counts = gateways.map(async ({ port }) => {
    const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
    const value = (form: RegExp) => Number(form.exec(text)?.[1] ?? 0);
    return (
      value(/^douya_session_check_seconds_count (\d+)/m) -
      value(/^douya_session_check_seconds_bucket\{le="0\.01"\} (\d+)/m)
    );
  });
  return (await Promise.all(counts)).reduce((all, count) => all + count, 0);
}

/** From the answer of the gateway at which a session was ended to the first refusal at the other; and requests until then. */
async function feltAfter(
  [first, second]: ServerProcess[],
  caller: Caller,
): Promise<{ ms: number; sent: number }> {
  let sent = 0;
  const ask = async (port: number, method: string, path: string) => {
    sent++;
    return await fetch(`http://127.0.0.1:${port}/api/v1${path}`, {
      method,
      headers: { authorization: `Bearer ${caller.token}` },
    }).then(async (answer) => {
      await answer.arrayBuffer();
      return answer.status;
    });
  };
  await ask(second!.port, "GET", "/feed?limit=1");
  const ended = await ask(first!.port, "DELETE", "/sessions/current");
  if (ended !== 204) throw new Error(`a session could not be ended: ${ended}`);
  const startedMs = performance.now();
  while ((await ask(second!.port, "GET", "/feed?limit=1")) !== 401) await delay(2);
  return { ms: performance.now() - startedMs, sent };
}
