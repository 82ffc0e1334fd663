import { readFileSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseEnv } from "node:util";
import { settingsFile } from "#apps/server/cluster/cluster.ts";
import { type ClusterProcess, runningProcesses } from "#apps/server/cluster/cluster-record.ts";
import { isAlive } from "#platform/postgres/process-alive.ts";
import { freePorts } from "#platform/testing/free-ports.ts";
import { type Program, startProgram } from "./program.ts";
import type { Deployment, DeploymentOptions } from "./shape.ts";
import { nowAndThenMs, until } from "./within.ts";

/** All engines and two processes of each module, started by the command that people use. */
export interface ClusterDeployment extends Deployment {
  readonly shape: "cluster";
  readonly dir: string;
  /** The process of the command. */
  readonly supervisor: Program;
  /** After the supervisor has been stopped or killed. */
  startAgain(): Promise<void>;
  processes(): ClusterProcess[];
  /** By name of the process and what it is for, such as nats-1-monitor. */
  ports(): Record<string, number>;
  /** The process of this name or role now, such as user-1 or postgres-primary. */
  find(nameOrRole: string): ClusterProcess | undefined;
  /** SIGKILL; resolves when it is gone. Its supervisor starts it again. */
  kill(nameOrRole: string): Promise<void>;
  /** Resolves when every process runs and every module answers that it is ready. */
  whole(): Promise<void>;
  /** What the supervisor and all processes but engines have written. */
  output(): Promise<string>;
}

let everyday: Promise<ClusterDeployment> | undefined;

/**
 * The cluster of all files that want one and not settings of their own, since a start takes as long as many a file.
 * They run in one process, one after the other (vitest.cluster.config.ts); each leaves it whole, and the last one
 * removes it.
 */
export function everydayCluster(): Promise<ClusterDeployment> {
  everyday ??= deployCluster({ env: { DOUYA_RUNGS: "90" } });
  return everyday;
}

export async function deployCluster(options: DeploymentOptions = {}): Promise<ClusterDeployment> {
  const dir = await mkdtemp(join(tmpdir(), "douya-cluster-"));
  const [port] = await freePorts(1);
  let supervisor: Program;
  const start = async () => {
    supervisor = startProgram(["cluster", "--data", dir, "--port", String(port)], {
      DOUYA_LIMITS: "off",
      DOUYA_RUNGS: "none",
      ...options.env,
    });
    await supervisor.printed(/Stop {7}Ctrl-C/);
  };
  const output = async () => `${supervisor.output()}\n${await logsOf(dir)}`;
  const remove = async () => {
    await supervisor.stop();
    // What a killed one has left.
    await startProgram(["cluster", "stop", "--data", dir], {}).ended;
    const written = await output();
    await rm(dir, { recursive: true, force: true });
    return written;
  };
  await start().catch(async (error) => {
    throw new Error(`${error.message}\n${await remove()}`);
  });
  const settings = parseEnv(await readFile(join(dir, settingsFile), "utf8"));
  const names = runningProcesses(dir).map(({ name }) => name);
  const processes = () => runningProcesses(dir);
  const find = (name: string) => processes().find((one) => one.name === name || one.role === name);
  const isReady = async ({ health }: ClusterProcess) => !health || (await fetch(health)).ok;

  async function kill(name: string): Promise<void> {
    // During a failover nobody is the primary.
    const { pid } = await until(name, () => find(name));
    // It may have ended by itself.
    if (isAlive(pid)) process.kill(pid, "SIGKILL");
    await until(`the end of ${name}`, () => !isAlive(pid));
  }

  async function whole(): Promise<void> {
    const areReady = async () => {
      const now = processes();
      if (!names.every((name) => now.some((one) => one.name === name))) return false;
      return (await Promise.all(now.map(isReady))).every(Boolean);
    };
    await until("all processes", areReady, nowAndThenMs);
  }

  /** The first of two; its supervisor starts another one when it ends. */
  const programOf = (module: string): Program => {
    const name = `${module}-1`;
    const { pid } = find(name)!;
    return {
      pid,
      output: () => supervisor.output(),
      answer: () => "",
      printed: () => Promise.reject(new Error("a process of a cluster writes to its log")),
      ended: new Promise(() => {}),
      signal: (signal) => void process.kill(pid, signal),
      stop: () => kill(name),
      kill: () => kill(name),
      memoryBytes: () => undefined,
    };
  };

  return {
    shape: "cluster",
    origin: `http://127.0.0.1:${port}`,
    dataDir: settings.DOUYA_DATA!,
    databaseUrl: settings.DOUYA_DATABASE_URL!,
    databaseUrlOf: () => settings.DOUYA_DATABASE_URL!,
    programOf,
    programs: () => [supervisor],
    rpcAddressOf: (module) => find(`${module}-1`)!.address,
    another: () => Promise.reject(new Error("a cluster has two of each module")),
    restart: whole,
    remove,
    dir,
    get supervisor() {
      return supervisor;
    },
    startAgain: start,
    processes,
    ports: () => JSON.parse(readFileSync(join(dir, "ports.json"), "utf8")),
    find,
    kill,
    whole,
    output,
  };
}

async function logsOf(dir: string): Promise<string> {
  const folder = join(dir, "logs");
  const files = (await readdir(folder).catch(() => [])).filter(
    (file) => !/^(etcd|nats|redis|haproxy)/.test(file),
  );
  const texts = await Promise.all(
    files.map(async (file) => `--- ${file}\n${await readFile(join(folder, file), "utf8")}`),
  );
  return texts.join("\n");
}
