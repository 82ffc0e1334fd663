import type { Bench } from "./bench.ts";
import { classicFeed, getRequest, loginRequests } from "./client.ts";
import { runLoad, startGenerator } from "./generate.ts";
import { loginConnections } from "./login.ts";
import { compare } from "./rounds.ts";
import { ratioRow } from "./scoreboard.ts";

const connections = 64;
const perSecond = 1000;
/** Logins run this much longer than the feed is measured, at both ends together. */
const aroundMs = 1000;

/** p99 of the public feed at a constant rate while logins saturate, against the same without logins. */
export const loginStorm: Bench = async (environment, { rounds, roundMs, profileDir }) => {
  const server = await environment.serve({ profileDir });
  const [watching, storming] = [environment.owns(startGenerator()), environment.owns(startGenerator())];
  const feed = {
    port: server.port,
    requests: [getRequest(classicFeed().path)],
    connections,
    perSecond,
    durationMs: roundMs,
  };
  const logins = {
    port: server.port,
    requests: loginRequests(await environment.callers()),
    connections: loginConnections,
    durationMs: roundMs + aroundMs,
  };
  const loginsPerSecond: number[] = [];
  const calm = async () => (await runLoad(watching, feed)).p99Ms;
  const stormy = async () => {
    const storm = runLoad(storming, logins);
    await new Promise((resolve) => setTimeout(resolve, aroundMs / 2));
    const [{ p99Ms }, stormed] = await Promise.all([runLoad(watching, feed), storm]);
    loginsPerSecond.push(stormed.perSecond);
    return p99Ms;
  };
  const compared = await compare(rounds, stormy, calm);
  await Promise.all([watching.stop(), storming.stop(), server.stop()]);
  return [ratioRow("login-storm", "ms p99", compared, { atMost: 2 }, { loginsPerSecond })];
};
