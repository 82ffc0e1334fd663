import type { Bench } from "./bench.ts";
import { loginRequests } from "./client.ts";
import { runLoad, startGenerator } from "./generate.ts";
import { compare } from "./rounds.ts";
import { ratioRow } from "./scoreboard.ts";
import { startWorker } from "./worker.ts";

/** Keeps the hashing queue filled, but far from full. */
export const loginConnections = 16;

/** Successful logins, against bare Argon2id verifications with the same parameters and threads. */
export const login: Bench = async (environment, { rounds, roundMs, profileDir }) => {
  const server = await environment.serve({ profileDir });
  const generator = environment.owns(startGenerator());
  const bare = environment.owns(startWorker<{ durationMs: number }, number>("ceilings/verify-passwords"));
  const requests = loginRequests(await environment.callers());
  const load = { port: server.port, requests, connections: loginConnections, durationMs: roundMs };
  const compared = await compare(
    rounds,
    async () => (await runLoad(generator, load)).perSecond,
    () => bare.ask({ durationMs: roundMs }),
  );
  await Promise.all([generator.stop(), bare.stop(), server.stop()]);
  return [ratioRow("login", "logins/s", compared, { atLeast: 0.95 })];
};
