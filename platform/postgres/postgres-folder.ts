import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chown, mkdir, open, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { refusal } from "../errors/reasons.ts";
import type { PostgresBinaries } from "./postgres-binaries.ts";
import { folderError } from "./postgres-errors.ts";
import { isAlive } from "./process-alive.ts";
import { mendFolder } from "./restored-folder.ts";
import { type Account, commandAs } from "./run-as.ts";

export const SUPERUSER = "douya";
const MAJOR_VERSION = "18";
export const PASSWORD_FILE = "douya.password";
const INITDB_TIMEOUT_MS = 120_000;

/**
 * Makes sure that `dir` holds a PostgreSQL 18 data folder and returns its superuser's password. A new one is created
 * under another name and renamed when it is complete and on disk, so that a killed start leaves nothing to repair.
 * One that was restored from a backup is repaired. Errors: `DATA_FOLDER_*`, `DISK_FULL`, `POSTGRES_VERSION_MISMATCH`.
 */
export async function ensureDataFolder(
  dir: string,
  binaries: PostgresBinaries,
  account: Account | undefined,
): Promise<{ password: string; created: boolean }> {
  try {
    await mkdir(dirname(dir), { recursive: true });
    await removeAbandoned(dir);
    const created = await isNew(dir);
    if (created) await createDataFolder(dir, binaries, account);
    const version = await readVersion(dir);
    if (version !== MAJOR_VERSION)
      throw refusal("POSTGRES_VERSION_MISMATCH", {
        dir,
        version: version || "of an unknown version",
        ours: MAJOR_VERSION,
      });
    if (!created) await mendFolder(dir, account);
    return { password: (await readFile(join(dir, PASSWORD_FILE), "utf8")).trim(), created };
  } catch (error) {
    throw folderError(error, dir);
  }
}

/** A part of a data folder must not be overwritten. */
async function isNew(dir: string): Promise<boolean> {
  if ((await readVersion(dir)) !== undefined) return false;
  const names = await readdir(dir).catch(() => []);
  if (names.some((name) => ["base", "global", "pg_wal"].includes(name))) await mendFolder(dir, undefined);
  return true;
}

async function readVersion(dir: string): Promise<string | undefined> {
  try {
    return (await readFile(join(dir, "PG_VERSION"), "utf8")).trim();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

async function createDataFolder(
  dir: string,
  binaries: PostgresBinaries,
  account: Account | undefined,
): Promise<void> {
  const draft = `${dir}.new-${process.pid}`;
  const [data, passwordFile] = [join(draft, "data"), join(draft, PASSWORD_FILE)];
  try {
    await mkdir(draft, { mode: 0o700 });
    await mkdir(data, { mode: 0o700 });
    await writeFile(passwordFile, `${randomBytes(24).toString("base64url")}\n`, { mode: 0o600 });
    if (account) for (const path of [draft, data, passwordFile]) await chown(path, account.uid, account.gid);
    await runInitdb(data, passwordFile, binaries, account);
    await rename(passwordFile, join(data, PASSWORD_FILE));
    await syncToDisk(join(data, PASSWORD_FILE));
    await syncToDisk(data);
    await rename(data, dir);
    await syncToDisk(dirname(dir));
  } catch (error) {
    // Another start at the same moment was first; its folder is as good.
    if ((await readVersion(dir)) === undefined) throw error;
  } finally {
    await rm(draft, { recursive: true, force: true });
  }
}

async function runInitdb(
  data: string,
  passwordFile: string,
  binaries: PostgresBinaries,
  account: Account | undefined,
): Promise<void> {
  const args = [
    `--pgdata=${data}`,
    `--username=${SUPERUSER}`,
    `--pwfile=${passwordFile}`,
    "--auth=scram-sha-256",
    // The password is 192 random bits: stretching it would only slow every new connection.
    "--set=scram_iterations=1",
    "--encoding=UTF8",
    // PostgreSQL's own C.UTF-8: one order and one lower() on every system, whatever its locales.
    "--locale=C",
    "--locale-provider=builtin",
    "--builtin-locale=C.UTF-8",
    "--no-instructions",
  ];
  const {
    file,
    args: fullArgs,
    options,
  } = await commandAs(account, binaries.initdb, args, [binaries.root, dirname(data)]);
  const child = spawn(file, fullArgs, {
    ...options,
    cwd: "/",
    env: { PATH: "/usr/bin:/bin", LC_ALL: "C" },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: INITDB_TIMEOUT_MS,
  });
  let complaint = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaint = (complaint + text).slice(-4_000);
  });
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once("error", reject).once("close", resolve);
  });
  if (code !== 0) throw new Error(`initdb ended with ${code}: ${complaint}`);
}

/** Drafts of killed processes; a draft with our own process id belongs to an earlier one. */
async function removeAbandoned(dir: string): Promise<void> {
  const prefix = `${basename(dir)}.new-`;
  for (const name of await readdir(dirname(dir))) {
    if (!name.startsWith(prefix)) continue;
    const pid = Number(name.slice(prefix.length));
    if (pid !== process.pid && isAlive(pid)) continue;
    // Its initdb may live for another moment and add files: the next start removes the rest.
    await rm(join(dirname(dir), name), { recursive: true, force: true, maxRetries: 3 }).catch(() => {});
  }
}

async function syncToDisk(path: string): Promise<void> {
  const handle = await open(path, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
