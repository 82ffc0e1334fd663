import { mkdir, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { refusal } from "#contracts/reasons.ts";
import { isFree } from "#platform/net/free-port.ts";
import { createLog } from "#platform/observe/log.ts";
import { clusterSecret } from "../cluster-secret.ts";
import { type Config, searchPath } from "../config.ts";
import { makeDataDir } from "../data-dir.ts";
import {
  type ClusterProcess,
  endProcesses,
  readRecord,
  stillRunning,
  writeRecord,
} from "./cluster-record.ts";
import { etcdParts, etcdUrl } from "./engines/etcd.ts";
import { haproxyPart } from "./engines/haproxy.ts";
import { natsParts, natsUrl } from "./engines/nats.ts";
import { type PostgresPair, startPostgresPair, stopLeftPostgres } from "./engines/postgres-pair.ts";
import { redisPart, redisUrl } from "./engines/redis.ts";
import type { Part } from "./part.ts";
import { choosePorts } from "./ports.ts";
import { processStart } from "./process-start.ts";
import { findPrograms } from "./programs.ts";
import { serviceNames, servicePart } from "./services.ts";
import { createSupervisor } from "./supervisor.ts";

/** In the folder of a cluster: the settings that all its processes share, for `DOUYA_CONFIG=… npx douya doctor`. */
export const settingsFile = "douya.env";

export interface Cluster {
  /** Where the site is: http://127.0.0.1:8080 */
  origin: string;
  processes(): ClusterProcess[];
  stop(): Promise<void>;
}

const serviceRoles = [...new Set(serviceNames.map((name) => name.slice(0, name.lastIndexOf("-"))))];
const engineRoles = ["haproxy", "etcd", "nats", "redis"];
const membersOf = ["1", "2", "3"] as const;
/** So many of our processes start at once: each takes a core for a second. */
const atOnce = 4;
/** Longer than a process drains. */
const graceMs = 15_000;
/** Members of etcd wait for a majority that stops too; all of them survive a SIGKILL. */
const engineGraceMs = 2_000;
const leftGraceMs = 5_000;

/**
 * Brings all of it up on this machine, in the folder `dir`: engines, two processes of each module, and the proxy in
 * front of them at `config.host` and `config.port`. What an earlier start has left there is ended first. `signal` ends
 * the start. Errors: CLUSTER_LACKS_PROGRAMS, CLUSTER_RUNS, CLUSTER_PORT_TAKEN, CLUSTER_PART_FAILED, and those of PostgreSQL.
 */
export async function startCluster(
  config: Config,
  { dir: folder, say, signal }: { dir: string; say(sentence: string): void; signal: AbortSignal },
): Promise<Cluster> {
  const dir = resolve(folder);
  const log = createLog("fatal");
  const { host, port } = config;
  const programs = await findPrograms(searchPath);
  await makeDataDir(join(dir, "data"));
  const engineDir = join(dir, "engines");
  await mkdir(engineDir, { recursive: true });
  const origin = `http://${host}:${port}`.replace("0.0.0.0", "localhost");
  await takeOver(dir);
  if (!(await isFree(port, host)))
    throw refusal("CLUSTER_PORT_TAKEN", {
      port,
      name: "the site",
      otherwise: " Or choose another one with --port.",
    });

  const supervisor = { pid: process.pid, started: processStart(process.pid)!, origin };
  const known = { parts: [] as ClusterProcess[], postgres: [] as ClusterProcess[] };
  const starts = new Map<number, string>();
  const processes = () => [...known.postgres, ...known.parts];
  const startOf = (pid: number) => {
    if (!starts.has(pid)) starts.set(pid, processStart(pid) ?? "gone");
    return starts.get(pid)!;
  };
  const record = () =>
    writeRecord(dir, {
      supervisor,
      processes: processes().map((one) => ({ ...one, started: startOf(one.pid) })),
    });
  record();

  const names = [
    ...membersOf.flatMap((n) => [`etcd-${n}-client`, `etcd-${n}-peer`] as const),
    ...membersOf.flatMap((n) => [`nats-${n}-client`, `nats-${n}-route`, `nats-${n}-monitor`] as const),
    ...(["redis", "postgres-1", "postgres-2"] as const),
    ...serviceNames.flatMap((name) => [`${name}-http`, `${name}-rpc`]),
  ];
  const ports = await choosePorts(dir, names, port);
  const etcdPorts = membersOf.map((n) => ({
    client: ports[`etcd-${n}-client`]!,
    peer: ports[`etcd-${n}-peer`]!,
  }));
  const natsPorts = membersOf.map((n) => ({
    client: ports[`nats-${n}-client`]!,
    route: ports[`nats-${n}-route`]!,
    monitor: ports[`nats-${n}-monitor`]!,
  }));
  const gateways = serviceNames
    .filter((name) => name.startsWith("gateway-"))
    .map((name) => ({ name, port: ports[`${name}-http`]! }));
  const supervised = createSupervisor({
    logDir: join(dir, "logs"),
    say,
    changed(parts) {
      known.parts = parts;
      record();
    },
  });
  let postgres: Promise<PostgresPair> | undefined;

  const stop = async () => {
    await supervised.stop(["haproxy"], graceMs);
    await supervised.stop(["gateway"], graceMs);
    await supervised.stop(serviceRoles, graceMs);
    const stopPostgres = async () => (await postgres?.catch(() => undefined))?.stop();
    await Promise.all([supervised.stop(engineRoles, engineGraceMs), stopPostgres()]);
    writeRecord(dir, { supervisor: { ...supervisor, started: "stopped" }, processes: [] });
  };
  signal.addEventListener("abort", () => void supervised.stop([...serviceRoles, ...engineRoles], graceMs));
  try {
    const started = performance.now();
    const engines = [
      ...etcdParts(programs.etcd, engineDir, etcdPorts),
      ...(await natsParts(programs["nats-server"], engineDir, natsPorts)),
      redisPart(programs["redis-server"], engineDir, ports.redis!),
    ];
    postgres = startPostgresPair({
      dir: engineDir,
      ports: [ports["postgres-1"]!, ports["postgres-2"]!],
      log,
      say,
      changed(servers) {
        known.postgres = servers;
        record();
      },
    });
    const [database] = await Promise.all([postgres, ...engines.map((part) => supervised.start(part))]);
    say(`the engines serve after ${seconds(started)} s; starting the services`);
    const dataDir = join(dir, "data");
    const secret = await clusterSecret({ ...config, dataDir });
    const shared = {
      DOUYA_DATA: dataDir,
      DOUYA_CLUSTER_SECRET: secret,
      DOUYA_DATABASE_URL: database.url,
      DOUYA_DATABASE_REPLICA_URLS: database.urls.join(","),
      DOUYA_ETCD_URL: etcdUrl(etcdPorts),
      DOUYA_NATS_URL: natsUrl(natsPorts),
      DOUYA_REDIS_URL: redisUrl(ports.redis!),
    };
    await writeFile(join(dir, settingsFile), asEnvFile(shared), { mode: 0o600 });
    const services = serviceNames.map((name) =>
      servicePart(name, { http: ports[`${name}-http`]!, rpc: ports[`${name}-rpc`]! }, shared),
    );
    await startAll(services);
    await supervised.start(await haproxyPart(programs.haproxy, engineDir, { host, port, gateways }));
  } catch (error) {
    await stop();
    throw error;
  }
  return { origin, processes, stop };

  async function startAll(parts: Part[]): Promise<void> {
    const waiting = [...parts];
    const work = async () => {
      for (let part = waiting.shift(); part; part = waiting.shift()) await supervised.start(part);
    };
    await Promise.all(Array.from({ length: atOnce }, work));
  }
}

/** Stops the cluster of a folder from another process, or what a killed one has left there. Error: CLUSTER_ABSENT. */
export async function stopCluster(folder: string): Promise<void> {
  const dir = resolve(folder);
  const { supervisor } = readRecord(dir) ?? {};
  if (!supervisor) throw refusal("CLUSTER_ABSENT", { dir });
  await endProcesses([supervisor], 6 * graceMs);
  await takeOver(dir);
}

/** Ends what a killed start has left in the folder. Error: CLUSTER_RUNS. */
async function takeOver(dir: string): Promise<void> {
  const left = readRecord(dir);
  if (!left) return;
  const [alive] = stillRunning([left.supervisor]);
  if (alive) throw refusal("CLUSTER_RUNS", { dir, pid: alive.pid, origin: left.supervisor.origin });
  await endProcesses(
    left.processes.filter(({ role }) => !role.startsWith("postgres-")),
    leftGraceMs,
  );
  await stopLeftPostgres(join(dir, "engines"), createLog("fatal"));
}

function asEnvFile(settings: Record<string, string>): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name}='${value}'\n`)
    .join("");
}

function seconds(sinceMs: number): string {
  return ((performance.now() - sinceMs) / 1000).toFixed(1);
}
