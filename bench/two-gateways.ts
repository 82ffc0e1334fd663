import type { Bench } from "./bench.ts";
import { feedRequests } from "./feed-user.ts";
import { runLoad, startGenerator } from "./generate.ts";
import { makePages } from "./page-rates.ts";
import { compare } from "./rounds.ts";
import { ratioRow } from "./scoreboard.ts";
import { cpuMs, type ServerProcess } from "./server-process.ts";

const callerCount = 1000;
/** In all. What two gateways could do at most is a matter of how many cores there are; what a request costs is not. */
const perSecond = 4000;

/** CPU time of a page of 1,000 people through two gateways, each asked by everybody, against one. */
export const twoGateways: Bench = async (environment, { rounds, roundMs, profileDir }) => {
  const dataset = await environment.dataset();
  const modules = ["user", "relation", "message", "video", "interaction", "feed", "playback", "moderation"];
  const services = await dataset.serve({ target: modules.join(","), profileDir });
  const env = {
    DOUYA_SERVICES: modules.map((module) => `${module}=127.0.0.1:${services.rpcPort}`).join(","),
  };
  const gateway = () => dataset.serve({ target: "gateway", env, profileDir });
  const [alone, ...two] = [await gateway(), await gateway(), await gateway()];
  const generators = two.map(() => environment.owns(startGenerator()));
  const requests = feedRequests(await dataset.callers(alone!, callerCount));
  for (const { port } of [alone!, ...two]) await makePages(generators[0]!, port, requests);

  const micros = (gateways: ServerProcess[]) => async () => {
    const usedMs = async () => {
      const all = [...gateways, services].map(({ pid }) => cpuMs(pid));
      return (await Promise.all([...all, dataset.cpuMs()])).reduce((sum, ms) => sum + ms, 0);
    };
    const beforeMs = await usedMs();
    const loads = gateways.map(({ port }, i) => {
      const rate = perSecond / gateways.length;
      return runLoad(generators[i]!, {
        port,
        requests,
        connections: 64,
        perSecond: rate,
        durationMs: roundMs,
      });
    });
    const sent = (await Promise.all(loads)).reduce((sum, { succeeded }) => sum + succeeded, 0);
    return (((await usedMs()) - beforeMs) * 1000) / sent;
  };
  const compared = await compare(rounds, micros(two), micros([alone!]));
  for (const it of [...generators, alone!, ...two, services, dataset]) await it.stop();
  return [
    ratioRow("two-gateways", `µs of CPU a page at ${perSecond}/s in all, cached`, compared, { atMost: 1.1 }),
  ];
};
