import { chmod, chown, lstat, mkdir, readdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import type { DomainError } from "#platform/errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";
import type { Account } from "./run-as.ts";
import { quotedForShell } from "./shell-quote.ts";

/** Without one of these nothing can be saved: they contain the data. */
const needed = [
  ...["PG_VERSION", "douya.password", "postgresql.conf", "pg_hba.conf", "pg_ident.conf"],
  ...["global/pg_control", "base/1", "pg_wal", "pg_xact", "pg_multixact/members", "pg_multixact/offsets"],
];
/** These may be empty, and then many backups leave them out. */
const emptied = [
  ...[
    "pg_commit_ts",
    "pg_dynshmem",
    "pg_logical",
    "pg_logical/mappings",
    "pg_logical/snapshots",
    "pg_notify",
  ],
  ...["pg_replslot", "pg_serial", "pg_snapshots", "pg_stat", "pg_stat_tmp", "pg_subtrans", "pg_tblspc"],
  ...["pg_twophase", "pg_wal/archive_status", "pg_wal/summaries"],
];
/** A look at these is enough to tell how the whole was restored. */
const samples = [".", "global", "base", "base/1", "pg_wal"];

/**
 * Prepares a data folder that was restored from a backup: missing empty folders, the owner, the modes. What only root
 * may change is refused with the command for it. Errors: DATA_FOLDER_INCOMPLETE, DATA_FOLDER_SHARED,
 * DATA_FOLDER_OWNER.
 */
export async function mendFolder(dir: string, account: Account | undefined): Promise<void> {
  const missing = await missingOf(dir, needed);
  if (missing.length > 0) throw refusal("DATA_FOLDER_INCOMPLETE", { dir, missing: missing.join(", ") });
  if ((await stat(join(dir, "global/pg_control"))).nlink > 1)
    throw refusal("DATA_FOLDER_SHARED", { dir, quoted: quotedForShell(dirname(dir)) });
  const owner = account ?? { uid: process.geteuid!(), gid: process.getegid!() };
  if (await looksForeign(dir, owner)) await mendAll(dir, owner);
  // PostgreSQL itself refuses a folder that others may enter.
  const { mode } = await stat(dir);
  if (mode & 0o027) await chmod(dir, 0o700);
  for (const name of await missingOf(dir, emptied)) {
    await mkdir(join(dir, name), { mode: 0o700 });
    if (account) await chown(join(dir, name), owner.uid, owner.gid);
  }
}

async function missingOf(dir: string, names: string[]): Promise<string[]> {
  const there = await Promise.all(names.map((name) => lstat(join(dir, name)).then(() => true, isThere)));
  return names.filter((_, i) => !there[i]);
}

function isThere(error: NodeJS.ErrnoException): boolean {
  if (error.code === "ENOENT") return false;
  throw error;
}

async function looksForeign(dir: string, owner: Account): Promise<boolean> {
  for (const folder of samples) {
    const names = await readdir(join(dir, folder)).catch(() => undefined);
    if (!names) return true;
    const found = await Promise.all(
      [".", ...names].map((name) => lstat(join(dir, folder, name)).catch(() => undefined)),
    );
    if (found.some((entry) => entry && isForeign(entry, owner))) return true;
  }
  return false;
}

function isForeign(entry: { uid: number; mode: number; isSymbolicLink(): boolean }, owner: Account): boolean {
  return entry.uid !== owner.uid || (!entry.isSymbolicLink() && (entry.mode & 0o600) !== 0o600);
}

/** Everything below, since a bad restore is bad in many places. */
async function mendAll(dir: string, owner: Account): Promise<void> {
  const { uid } = await lstat(dir);
  if (process.geteuid!() !== 0 && uid !== owner.uid) throw foreign(dir, uid, owner);
  const pending = [dir];
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const entry = await lstat(path);
    if (entry.isSymbolicLink()) continue;
    if (entry.uid !== owner.uid) {
      if (process.geteuid!() !== 0) throw foreign(dir, entry.uid, owner);
      await chown(path, owner.uid, owner.gid);
    }
    const wanted = entry.mode | (entry.isDirectory() ? 0o700 : 0o600);
    if (entry.mode !== wanted) await chmod(path, wanted & 0o7777);
    if (entry.isDirectory()) for (const name of await readdir(path)) pending.push(join(path, name));
  }
}

function foreign(dir: string, uid: number, owner: Account): DomainError {
  return refusal("DATA_FOLDER_OWNER", {
    dir,
    uid,
    ours: owner.uid,
    group: owner.gid,
    quoted: quotedForShell(dirname(dir)),
  });
}
