import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { type EngineProcess, startEngine } from "./engine-process.ts";
import { freePorts } from "./free-ports.ts";
import { patienceMs } from "./patience.ts";

/** One process of Redis: empty after a restart, unless it has a configuration of its own. */
interface RedisProcess extends EngineProcess {
  readonly port: number;
  /** What redis-cli says. */
  ask(...words: string[]): Promise<string>;
}

/** A Redis for one file of tests: one process, or the nodes of a cluster, or primary, replica and sentinels. */
export interface PrivateRedis {
  readonly url: string;
  readonly processes: readonly RedisProcess[];
  remove(): Promise<void>;
}

export type RedisShape = keyof typeof starts;

const run = promisify(execFile);
const starts = { single: startSingle, sentinel: startSentinel, cluster: startCluster };

/** Starts one with nothing in it. */
export function startRedis(shape: RedisShape = "single"): Promise<PrivateRedis> {
  return starts[shape]();
}

async function startSingle(): Promise<PrivateRedis> {
  const [port] = await freePorts(1);
  const redis = await startProcess(port!);
  return { url: `redis://127.0.0.1:${port}`, processes: [redis], remove: () => redis.remove() };
}

/** Three nodes without replicas, 0 to 2. */
async function startCluster(): Promise<PrivateRedis> {
  // A node also listens 10,000 ports further on.
  const ports = await freePorts(3);
  const settings = ["--cluster-enabled", "yes", "--cluster-node-timeout", "2000"];
  // The others go on when one is found dead, as operators are told to have it.
  settings.push("--cluster-require-full-coverage", "no");
  const started = await Promise.all(ports.map((port) => startProcess(port, settings)));
  await run("redis-cli", [
    "--cluster",
    "create",
    ...ports.map((port) => `127.0.0.1:${port}`),
    "--cluster-yes",
  ]);
  for (const node of started)
    await until("the cluster", async () => (await node.ask("CLUSTER", "INFO")).includes("cluster_state:ok"));
  return {
    url: `redis+cluster://${ports.map((port) => `127.0.0.1:${port}`).join(",")}`,
    processes: started,
    remove: () => removeAll(started),
  };
}

/** A primary (0), its replica (1) and three sentinels (2 to 4). */
async function startSentinel(): Promise<PrivateRedis> {
  const [primary, replica, ...watching] = await freePorts(5);
  const started = [await startProcess(primary!)];
  started.push(await startProcess(replica!, ["--replicaof", "127.0.0.1", String(primary)]));
  for (const port of watching) {
    const settings = [
      `sentinel monitor mymaster 127.0.0.1 ${primary} 2`,
      "sentinel down-after-milliseconds mymaster 1000",
      "sentinel failover-timeout mymaster 5000",
    ];
    started.push(await startProcess(port, ["--sentinel"], settings.join("\n")));
  }
  await until("the sentinels to find each other", async () => {
    const found = await Promise.all(
      started.slice(2).map((one) => one.ask("SENTINEL", "CKQUORUM", "mymaster")),
    );
    return found.every((text) => text.startsWith("OK 3 usable"));
  });
  await until("the sentinels to find the replica", async () =>
    (await started[2]!.ask("SENTINEL", "REPLICAS", "mymaster")).includes(String(replica)),
  );
  return {
    url: `redis+sentinel://${watching.map((port) => `127.0.0.1:${port}`).join(",")}/mymaster`,
    processes: started,
    remove: () => removeAll(started),
  };
}

async function removeAll(started: { remove(): Promise<void> }[]): Promise<void> {
  await Promise.all(started.map((one) => one.remove()));
}

async function startProcess(port: number, settings: string[] = [], file?: string) {
  const folder = await mkdtemp(join(tmpdir(), "douya-redis-"));
  const config = join(folder, "redis.conf");
  await writeFile(config, `${file ?? ""}\n`);
  const ask = async (...words: string[]): Promise<string> =>
    (await run("redis-cli", ["-p", String(port), ...words])).stdout.trim();
  const own = ["--port", String(port), "--bind", "127.0.0.1", "--dir", folder];
  const memory = ["--save", "", "--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lfu"];
  const redis = await startEngine(
    "redis-server",
    [config, ...own, ...(settings.includes("--sentinel") ? [] : memory), ...settings],
    async () => (await ask("PING")) === "PONG",
  );
  return {
    ...redis,
    port,
    ask,
    async remove() {
      await redis.kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = Date.now() + patienceMs; !(await holds()); await delay(50))
    if (Date.now() > deadline) throw new Error(`waited in vain for ${what}`);
}
