import { join } from "node:path";
import { startEmbeddedPostgres } from "#platform/db/embedded-postgres.ts";
import { createLog } from "#platform/observe/log.ts";
import type { Bench } from "./bench.ts";
import { getRequest, guestFeed } from "./client.ts";
import { runLoad, startGenerator } from "./generate.ts";
import { compare } from "./rounds.ts";
import { ratioRow } from "./scoreboard.ts";

const connections = 64;

/** The feed, half for guests and half for callers: modules in three processes, against all in one. */
export const split: Bench = async (world, { rounds, roundMs, profileDir }) => {
  const callers = await world.callers();
  // The embedded database serves one program; here it stands for the operator's own.
  const dir = join(world.dataDir, "postgres");
  const postgres = world.owns(
    await startEmbeddedPostgres({ dir, log: createLog("error"), keepAlive: false }),
  );
  const env = { DOUYA_DATABASE_URL: postgres.url };
  // In the order of calling: who calls others starts after them and is told where they are.
  const services: string[] = [];
  const place = async (...modules: string[]) => {
    const process = await world.serve({
      target: modules.join(","),
      env: { ...env, DOUYA_SERVICES: services.join(",") },
      profileDir,
    });
    for (const module of modules) services.push(`${module}=127.0.0.1:${process.rpcPort}`);
    return process;
  };
  const people = await place("user", "relation", "message");
  const videos = await place("video", "interaction", "feed");
  const gateway = await place("gateway");
  const whole = await world.serve({ env, profileDir });

  const generator = world.owns(startGenerator());
  const requests = callers.flatMap(({ token }) => [guestFeed, getRequest(`/douyin/feed/?token=${token}`)]);
  const measure = (port: number) => async () =>
    (await runLoad(generator, { port, requests, connections, durationMs: roundMs })).perSecond;
  const compared = await compare(rounds, measure(gateway.port), measure(whole.port));
  for (const it of [generator, gateway, videos, people, whole, postgres]) await it.stop();
  return [ratioRow("split", "requests/s", compared, { atLeast: 0.35 })];
};
