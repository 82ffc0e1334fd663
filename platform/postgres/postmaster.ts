import { spawn } from "node:child_process";
import { open, readFile, rm } from "node:fs/promises";
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
/** How long backends of a killed postmaster, or another start, may block the start. */
const RETRY_MS = 30_000;
/** What a start creates and fills at once. One that is still empty was left by a power cut. */
const EMPTY_LOCK_MS = 5_000;
/** How long a server may accept connections without being visible, as while it is stopping. */
const ELSEWHERE_MS = 3_000;
const LOCK_FILE = "postmaster.pid";
/** PostgreSQL's own. The embedded server listens on no port, but names its socket after it. */
const DEFAULT_PORT = 5432;
const FAST_STOP_TIMEOUT_MS = 30_000;
const IMMEDIATE_STOP_TIMEOUT_MS = 10_000;

/**
 * The content of a lock file. `dataDir` as the server was told it, which may be another path to the folder, or an old
 * one.
 */
type Lock = { pid: number; dataDir: string; socketFolder: string; status: string };
export type Postmaster = { pid: number; dataDir: string; socketFolder: string; folder: FolderId };

/**
 * Starts the postmaster of the folder at `dir`: adopts a running one, or runs `command`, which puts its socket into
 * `socketFolder`. Error: DATA_IN_USE; else an Error whose message contains PostgreSQL's own words.
 */
export async function bringUp(
  { dir, socketFolder, port = DEFAULT_PORT }: { dir: string; socketFolder: string; port?: number },
  command: Command,
  logFile: string,
): Promise<Postmaster & { adopted: boolean }> {
  const socket = join(socketFolder, `.s.PGSQL.${port}`);
  const retryUntil = Date.now() + RETRY_MS;
  const elsewhereUntil = Date.now() + ELSEWHERE_MS;
  const deadline = Date.now() + START_TIMEOUT_MS;
  let child: { pid: number; failure(): Promise<string | undefined> } | undefined;
  while (Date.now() < deadline) {
    const running = await findPostmaster(dir);
    if (running?.status === "ready") return { ...running, adopted: running.pid !== child?.pid };
    if (!child && !running) {
      if (await answers(socket)) {
        if (Date.now() > elsewhereUntil) throw inUse(dir);
        await delay(10 * POLL_MS);
        continue;
      }
      for (const lockFile of [join(dir, LOCK_FILE), `${socket}.lock`]) await disarm(lockFile, dir);
      child = await launch(command, logFile);
    }
    const failure = await child?.failure();
    if (failure !== undefined) {
      // "in use": backends of a killed postmaster are about to leave. The others: another start was first.
      const passing = /already exists|" is empty|is still in use/.test(failure);
      if (!passing || Date.now() > retryUntil) throw new Error(failure);
      child = undefined;
      await delay(10 * POLL_MS);
    }
    await delay(POLL_MS);
  }
  throw new Error(`not ready after ${START_TIMEOUT_MS / 1000} s; see ${logFile}`);
}

/** Ends a postmaster; resolves when it is gone. Killing it costs the next start only a replay. */
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
 * The postmaster that runs on the folder at `dir`. The lock file alone is no proof: it may be old or copied from
 * another folder, and its process id may belong to another program by now.
 */
export async function findPostmaster(dir: string): Promise<(Postmaster & { status: string }) | undefined> {
  const folder = await folderId(dir);
  const lock = await readLockFile(join(dir, LOCK_FILE));
  if (!folder || !lock || !(await serves(lock, folder))) return undefined;
  // A folder that was moved has taken its socket along.
  const inFolder = [".", lock.dataDir].includes(lock.socketFolder);
  return { ...lock, socketFolder: inFolder ? dir : lock.socketFolder, folder };
}

/** The content of a lock file; its process may be long gone. */
async function readLockFile(path: string): Promise<Lock | undefined> {
  const text = await readFile(path, "utf8").catch(() => "");
  const lines = text.split("\n");
  const pid = Number(lines[0]);
  // Absent, or read while it was being written.
  if (!(pid > 0)) return undefined;
  return { pid, dataDir: lines[1] ?? "", socketFolder: lines[4] ?? "", status: lines[7]?.trim() ?? "" };
}

/** Whether the process is a living server of the folder. */
async function serves(lock: Pick<Lock, "pid" | "dataDir">, folder: FolderId): Promise<boolean> {
  if (!isAlive(lock.pid) || !(await runsWith(lock.pid, lock.dataDir))) return false;
  // PostgreSQL works in its data folder. If we may not see that, the path it was told must still lead there.
  return folder === ((await folderId(`/proc/${lock.pid}/cwd`)) ?? (await folderId(lock.dataDir)));
}

/** Whether any process accepts connections, also one in another container, which we cannot see. */
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
 * After a power cut the process id in a lock file may belong to another program, and in a copied folder to the
 * original's server; PostgreSQL takes either for its own. Then the id is replaced by an impossible one. The rest
 * stays: in it PostgreSQL finds the shared memory that backends of the dead server may still hold. An empty one tells
 * nothing, and PostgreSQL would refuse to start for ever.
 */
async function disarm(lockFile: string, dir: string): Promise<void> {
  // A server that starts meanwhile replaces this file: through the handle we change only the old one.
  const handle = await open(lockFile, "r+").catch(() => undefined);
  if (!handle) return;
  try {
    const text = await handle.readFile("utf8");
    if (text === "" && Date.now() - (await handle.stat()).mtimeMs > EMPTY_LOCK_MS) return await rm(lockFile);
    const [pid, dataDir] = text.split("\n");
    const folder = await folderId(dir);
    if (dataDir === undefined || !folder || (await serves({ pid: Number(pid), dataDir }, folder))) return;
    await handle.write(text.replace(/^\d+/, "2147483647"), 0);
  } finally {
    await handle.close();
  }
}
