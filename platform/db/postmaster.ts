import { spawn } from "node:child_process";
import { open, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "#platform/observe/log.ts";
import { isAlive } from "./postgres-folder.ts";
import type { Command } from "./run-as.ts";

const POLL_MS = 10;
/** Recovery after a crash replays at most `max_wal_size` and takes seconds; a slow disk may need longer. */
const START_TIMEOUT_MS = 300_000;
const FAST_STOP_TIMEOUT_MS = 30_000;
const IMMEDIATE_STOP_TIMEOUT_MS = 10_000;

export type Postmaster = { pid: number; socketFolder: string; adopted: boolean };

/**
 * Brings up the postmaster of `dir`: adopts the one that is running there, or runs `command`.
 * Throws an Error whose message holds PostgreSQL's own words.
 */
export async function bringUp(dir: string, command: Command, logFile: string): Promise<Postmaster> {
  const deadline = Date.now() + START_TIMEOUT_MS;
  await disarmStaleLock(dir);
  let child: { pid: number; failure(): Promise<string | undefined> } | undefined;
  while (Date.now() < deadline) {
    const running = await readLockFile(dir);
    if (running?.status === "ready" && isAlive(running.pid))
      return { pid: running.pid, socketFolder: running.socketFolder, adopted: running.pid !== child?.pid };
    if (!child && !(running && isAlive(running.pid))) child = await launch(command, logFile);
    const failure = await child?.failure();
    if (failure !== undefined) {
      // "in use": backends of a killed postmaster are about to leave. "already exists": another start was first.
      if (!/already exists|is still in use/.test(failure)) throw new Error(failure);
      child = undefined;
      await delay(10 * POLL_MS);
    }
    await delay(POLL_MS);
  }
  throw new Error(`not ready after ${START_TIMEOUT_MS / 1000} s; see ${logFile}`);
}

/** Ends the postmaster of `dir`; resolves when it is gone. A hard end costs the next start a replay, nothing else. */
export async function bringDown(pid: number, log: Logger): Promise<void> {
  for (const [signal, timeoutMs] of [
    ["SIGINT", FAST_STOP_TIMEOUT_MS],
    ["SIGQUIT", IMMEDIATE_STOP_TIMEOUT_MS],
    ["SIGKILL", IMMEDIATE_STOP_TIMEOUT_MS],
  ] as const) {
    if (signal !== "SIGINT") log.warn({ pid, signal }, "PostgreSQL is slow to stop");
    try {
      process.kill(pid, signal);
    } catch {
      return;
    }
    for (const deadline = Date.now() + timeoutMs; Date.now() < deadline; await delay(POLL_MS))
      if (!isAlive(pid)) return;
  }
}

type LockFile = { pid: number; socketFolder: string; status: string };

async function readLockFile(dir: string): Promise<LockFile | undefined> {
  const text = await readFile(join(dir, "postmaster.pid"), "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const lines = text.split("\n");
  return { pid: Number(lines[0]), socketFolder: lines[4] ?? "", status: lines[7]?.trim() ?? "" };
}

async function launch(command: Command, logFile: string) {
  const output = await open(logFile, "a", 0o600);
  const offset = (await output.stat()).size;
  const child = spawn(command.file, command.args, {
    ...command.options,
    cwd: "/",
    env: { PATH: "/usr/bin:/bin", LC_ALL: "C" },
    stdio: ["ignore", output.fd, output.fd],
    // A group of its own: Ctrl-C in the terminal is for us, and we stop PostgreSQL when nobody needs it any more.
    detached: true,
  });
  let failed: Error | undefined;
  let gone = false;
  child.once("error", (error) => {
    failed = error;
  });
  child.once("exit", () => {
    gone = true;
  });
  child.unref();
  await output.close();
  return {
    pid: child.pid ?? -1,
    async failure(): Promise<string | undefined> {
      if (failed) throw failed;
      if (!gone) return undefined;
      return (await readFile(logFile)).subarray(offset).toString("utf8").slice(-4_000);
    },
  };
}

/**
 * After a power cut the number in `postmaster.pid` may belong to a stranger, which PostgreSQL takes for a running
 * server. Then the number is replaced by an impossible one; the rest of the file stays, because PostgreSQL finds
 * in it the shared memory that backends of the dead server may still hold.
 */
async function disarmStaleLock(dir: string): Promise<void> {
  const running = await readLockFile(dir);
  if (!running || !isAlive(running.pid) || (await isPostmasterOf(running.pid, dir))) return;
  const path = join(dir, "postmaster.pid");
  const text = await readFile(path, "utf8");
  await writeFile(path, text.replace(/^\d+/, "2147483647"));
  await rm(join(running.socketFolder, ".s.PGSQL.5432.lock"), { force: true });
}

async function isPostmasterOf(pid: number, dir: string): Promise<boolean> {
  const words = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => undefined);
  // Without /proc there is no cheap way to ask; PostgreSQL then judges for itself.
  return words === undefined || words.split("\0").includes(dir);
}
