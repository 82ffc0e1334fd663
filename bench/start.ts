import { spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createLog } from "#platform/observe/log.ts";
import { startEmbeddedPostgres } from "#platform/postgres/embedded-postgres.ts";
import { freePorts } from "#platform/testing/free-ports.ts";
import type { Bench } from "./bench.ts";
import { compare } from "./rounds.ts";
import type { Row } from "./scoreboard.ts";
import { nodeOptions, stopProcess } from "./server-process.ts";

const budgetMs = 1500;
const startMs = 60_000;
const pollMs = 5;

/** The second start of the whole program until /readyz says so, against its database alone. */
export const start: Bench = async (environment, { rounds }) => {
  await environment.callers();
  const dir = join(environment.dataDir, "postgres");
  const whole = async () => {
    const [port] = (await freePorts(1)) as [number];
    const env = { ...process.env, DOUYA_DATA: environment.dataDir, DOUYA_PORT: String(port) };
    const startedMs = performance.now();
    // Like `npm start`, which first checks whether something must be built.
    const child = spawn(process.execPath, [...nodeOptions, "bin/douya.mjs", "serve"], {
      env,
      stdio: "ignore",
    });
    const running = environment.owns({ stop: () => stopProcess(child) });
    await ready(port);
    const tookMs = performance.now() - startedMs;
    await running.stop();
    return tookMs;
  };
  const database = async () => {
    const startedMs = performance.now();
    const postgres = await startEmbeddedPostgres({ dir, log: createLog("error"), keepAlive: false });
    const tookMs = performance.now() - startedMs;
    await postgres.stop();
    return tookMs;
  };
  const { ours, ceiling, ratio, rounds: pairs } = await compare(rounds, whole, database);
  const row: Row = {
    name: "start",
    unit: "ms",
    ours,
    ceiling,
    ratio,
    budget: "≤ 1.5 s in all",
    met: ours <= budgetMs,
    detail: { rounds: pairs },
  };
  return [row];
};

async function ready(port: number): Promise<void> {
  const deadlineMs = performance.now() + startMs;
  while (performance.now() < deadlineMs) {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    await response?.arrayBuffer();
    if (response?.status === 200) return;
    await delay(pollMs);
  }
  throw new Error(`the server was not ready after ${startMs} ms`);
}
