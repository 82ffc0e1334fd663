import { spawn } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { Logger } from "#platform/observe/log.ts";
import { isAlive, runsWith } from "./process-alive.ts";
import type { Command } from "./run-as.ts";

const POLL_MS = 10;
/** Recovery after a crash replays at most `max_wal_size` and takes seconds; a slow disk may need longer. */
const START_TIMEOUT_MS = 300_000;
/** How long backends of a killed postmaster, or somebody else's start, may stand in the way. */
const RETRY_MS = 30_000;
const FAST_STOP_TIMEOUT_MS = 30_000;
const IMMEDIATE_STOP_TIMEOUT_MS = 10_000;

/** `dataDir` as the server was told it, which may be another path to the same folder. */
export type Postmaster = { pid: number; dataDir: string; socketFolder: string };

/**
 * Brings up the postmaster of `dir`: adopts the one that is running there, or runs `command`.
 * Throws an Error whose message holds PostgreSQL's own words.
 */
export async function bringUp(
  dir: string,
  command: Command,
  logFile: string,
): Promise<Postmaster & { adopted: boolean }> {
  const retryUntil = Date.now() + RETRY_MS;
  const deadline = Date.now() + START_TIMEOUT_MS;
  await disarmStaleLocks(dir);
  let child: { pid: number; failure(): Promise<string | undefined> } | undefined;
  while (Date.now() < deadline) {
    const running = await readLockFile(dir);
    if (running?.status === "ready" && isAlive(running.pid))
      return { ...running, adopted: running.pid !== child?.pid };
    if (!child && !(running && isAlive(running.pid))) child = await launch(command, logFile);
    const failure = await child?.failure();
    if (failure !== undefined) {
      // "in use": backends of a killed postmaster are about to leave. "already exists": another start was first.
      const passing = /already exists|is still in use/.test(failure);
      if (!passing || Date.now() > retryUntil) throw new Error(failure);
      child = undefined;
      await delay(10 * POLL_MS);
    }
    await delay(POLL_MS);
  }
  throw new Error(`not ready after ${START_TIMEOUT_MS / 1000} s; see ${logFile}`);
}

/** Ends a postmaster; resolves when it is gone. A hard end costs the next start a replay, nothing else. */
export async function bringDown({ pid, dataDir }: Postmaster, log: Logger): Promise<void> {
  if (!(await runsWith(pid, dataDir))) return;
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

/** What `postmaster.pid` says; its process may be long gone. */
export async function readLockFile(dir: string): Promise<(Postmaster & { status: string }) | undefined> {
  const text = await readFile(join(dir, "postmaster.pid"), "utf8").catch(() => "");
  const lines = text.split("\n");
  const pid = Number(lines[0]);
  // Absent, or read in the middle of being written.
  if (!(pid > 0)) return undefined;
  return { pid, dataDir: lines[1] ?? "", socketFolder: lines[4] ?? "", status: lines[7]?.trim() ?? "" };
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
 * After a power cut the number in a lock file may belong to a stranger, which PostgreSQL takes for a running
 * server. Then the number is replaced by an impossible one. The rest stays: in it PostgreSQL finds the shared
 * memory that backends of the dead server may still hold.
 */
async function disarmStaleLocks(dir: string): Promise<void> {
  const left = await readLockFile(dir);
  if (!left) return;
  await disarm(join(dir, "postmaster.pid"));
  await disarm(join(left.socketFolder, ".s.PGSQL.5432.lock"));
}

async function disarm(lockFile: string): Promise<void> {
  // A server that starts meanwhile removes this file and makes another: through the handle we touch only the old one.
  const handle = await open(lockFile, "r+").catch(() => undefined);
  if (!handle) return;
  try {
    const text = await handle.readFile("utf8");
    const [pid, dataDir] = text.split("\n");
    if (dataDir === undefined || (await runsWith(Number(pid), dataDir))) return;
    await handle.write(text.replace(/^\d+/, "2147483647"), 0);
  } finally {
    await handle.close();
  }
}
