import { spawn } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { DomainError } from "#platform/errors/domain-error.ts";
import type { Logger } from "#platform/observe/log.ts";
import { refusal } from "../errors/reasons.ts";
import { type FolderId, folderId } from "./folder-id.ts";
import { isAlive, runsWith } from "./process-alive.ts";
import type { Command } from "./run-as.ts";

const POLL_MS = 10;
/** Recovery after a crash replays at most `max_wal_size` and takes seconds; a slow disk may need longer. */
const START_TIMEOUT_MS = 300_000;
/** How long backends of a killed postmaster, or somebody else's start, may stand in the way. */
const RETRY_MS = 30_000;
/** How long somebody may listen on the socket without being seen, as when they are just stopping. */
const ELSEWHERE_MS = 3_000;
const LOCK_FILE = "postmaster.pid";
const SOCKET = ".s.PGSQL.5432";
const FAST_STOP_TIMEOUT_MS = 30_000;
const IMMEDIATE_STOP_TIMEOUT_MS = 10_000;

/** What a lock file says. `dataDir` as the server was told it, which may be another path to the folder, or an old one. */
type Lock = { pid: number; dataDir: string; socketFolder: string; status: string };
export type Postmaster = { pid: number; dataDir: string; socketFolder: string; folder: FolderId };

/**
 * Brings up the postmaster of the folder at `dir`: adopts the one that is running on it, or runs `command`, which puts
 * its socket into `socketFolder`. Error: DATA_IN_USE; else an Error whose message holds PostgreSQL's own words.
 */
export async function bringUp(
  { dir, socketFolder }: { dir: string; socketFolder: string },
  command: Command,
  logFile: string,
): Promise<Postmaster & { adopted: boolean }> {
  const retryUntil = Date.now() + RETRY_MS;
  const elsewhereUntil = Date.now() + ELSEWHERE_MS;
  const deadline = Date.now() + START_TIMEOUT_MS;
  let child: { pid: number; failure(): Promise<string | undefined> } | undefined;
  while (Date.now() < deadline) {
    const running = await findPostmaster(dir);
    if (running?.status === "ready") return { ...running, adopted: running.pid !== child?.pid };
    if (!child && !running) {
      if (await answers(join(socketFolder, SOCKET))) {
        if (Date.now() > elsewhereUntil) throw inUse(dir);
        await delay(10 * POLL_MS);
        continue;
      }
      for (const lockFile of [join(dir, LOCK_FILE), join(socketFolder, `${SOCKET}.lock`)])
        await disarm(lockFile, dir);
      child = await launch(command, logFile);
    }
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
export async function bringDown(postmaster: Postmaster, log: Logger): Promise<void> {
  const { pid } = postmaster;
  if (!(await serves(postmaster, postmaster.folder))) return;
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

/**
 * The postmaster that runs on the folder at `dir`. Its lock file alone does not tell: that may be copied from another
 * folder, or old, and its number a stranger's by now.
 */
export async function findPostmaster(dir: string): Promise<(Postmaster & { status: string }) | undefined> {
  const folder = await folderId(dir);
  const lock = await readLockFile(join(dir, LOCK_FILE));
  if (!folder || !lock || !(await serves(lock, folder))) return undefined;
  // A folder that was moved has taken its socket along.
  const inFolder = [".", lock.dataDir].includes(lock.socketFolder);
  return { ...lock, socketFolder: inFolder ? dir : lock.socketFolder, folder };
}

/** What a lock file says; its process may be long gone. */
async function readLockFile(path: string): Promise<Lock | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  const lines = text.split("\n");
  const pid = Number(lines[0]);
  // Absent, or read in the middle of being written.
  if (!(pid > 0)) return undefined;
  return { pid, dataDir: lines[1] ?? "", socketFolder: lines[4] ?? "", status: lines[7]?.trim() ?? "" };
}

/** Whether the process is a living server of the folder. */
async function serves(lock: Pick<Lock, "pid" | "dataDir">, folder: FolderId): Promise<boolean> {
  if (!isAlive(lock.pid) || !(await runsWith(lock.pid, lock.dataDir))) return false;
  // PostgreSQL works in its data folder. Where we may not see that, the path it was told must still lead there.
  return folder === ((await folderId(`/proc/${lock.pid}/cwd`)) ?? (await folderId(lock.dataDir)));
}

/** Whether anybody listens, in another container too, whose processes we do not see. */
function answers(socketPath: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(socketPath);
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

function inUse(dir: string): DomainError {
  return refusal(
    "DATA_IN_USE",
    `The data folder ${dirname(dir)} is in use by a program that cannot be seen from here, such as one in another ` +
      `container. Stop that one, or set DOUYA_DATA to another folder.`,
  );
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
 * After a power cut the number in a lock file may belong to a stranger, and in a copied folder to the original's
 * server; PostgreSQL takes either for its own. Then the number is replaced by an impossible one. The rest stays: in it
 * PostgreSQL finds the shared memory that backends of the dead server may still hold.
 */
async function disarm(lockFile: string, dir: string): Promise<void> {
  // A server that starts meanwhile removes this file and makes another: through the handle we touch only the old one.
  const handle = await open(lockFile, "r+").catch(() => undefined);
  if (!handle) return;
  try {
    const text = await handle.readFile("utf8");
    const [pid, dataDir] = text.split("\n");
    const folder = await folderId(dir);
    if (dataDir === undefined || !folder || (await serves({ pid: Number(pid), dataDir }, folder))) return;
    await handle.write(text.replace(/^\d+/, "2147483647"), 0);
  } finally {
    await handle.close();
  }
}
