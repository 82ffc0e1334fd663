import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { refusal } from "#contracts/reasons.ts";
import { processStart } from "./process-start.ts";

/** A process of a cluster, as `douya cluster ps --json` shows it. */
export interface ClusterProcess {
  name: string;
  /** etcd, nats, redis, postgres-primary, postgres-replica, haproxy or the modules it serves. */
  role: string;
  pid: number;
  /** host:port at which others call it. */
  address: string;
  /** Where it answers /readyz, where it does. */
  health?: string;
}

/** An id of a process and when it was started, which no other process has. */
interface Started {
  pid: number;
  started: string;
}
type RecordedProcess = ClusterProcess & Started;

/** What runs in a cluster's folder: written before anything else is done, so that the next start finds all of it. */
export interface ClusterRecord {
  /** The process that supervises the others. */
  readonly supervisor: Started & { origin: string };
  readonly processes: RecordedProcess[];
}

const fileName = "cluster.json";
const pollMs = 50;

export function writeRecord(dir: string, record: ClusterRecord): void {
  mkdirSync(dir, { recursive: true });
  const path = join(dir, fileName);
  writeFileSync(`${path}.new`, `${JSON.stringify(record, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(`${path}.new`, path);
}

/** Undefined where there has never been a cluster. */
export function readRecord(dir: string): ClusterRecord | undefined {
  try {
    return JSON.parse(readFileSync(join(dir, fileName), "utf8"));
  } catch {
    return undefined;
  }
}

/** The processes of the cluster in this folder that run now. Error: CLUSTER_ABSENT. */
export function runningProcesses(dir: string): ClusterProcess[] {
  const record = readRecord(dir);
  if (!record) throw refusal("CLUSTER_ABSENT", { dir });
  return stillRunning(record.processes).map(({ started: _, ...shown }) => shown);
}

/** Those of these processes that still run. */
export function stillRunning<T extends Started>(processes: T[]): T[] {
  return processes.filter(({ pid, started }) => processStart(pid) === started);
}

/** Ends what a record names: politely, and by force after `graceMs`. */
export async function endProcesses(processes: Started[], graceMs: number): Promise<void> {
  let left = stillRunning(processes);
  signalAll(left, "SIGTERM");
  // Those that were paused hear nothing else.
  signalAll(left, "SIGCONT");
  for (const deadline = Date.now() + graceMs; left.length > 0 && Date.now() < deadline; await delay(pollMs))
    left = stillRunning(left);
  signalAll(left, "SIGKILL");
  while (left.length > 0) {
    await delay(pollMs);
    left = stillRunning(left);
  }
}

function signalAll(processes: Started[], signal: NodeJS.Signals): void {
  for (const { pid } of processes) {
    try {
      process.kill(pid, signal);
    } catch {
      // It has ended by itself.
    }
  }
}
