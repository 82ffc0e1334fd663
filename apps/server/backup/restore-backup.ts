import { existsSync } from "node:fs";
import { readdir, rm, stat, statfs, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Readable } from "node:stream";
import { refusal } from "#contracts/reasons.ts";
import type { BackupTarget } from "#platform/backup/backup-target.ts";
import type { Manifest } from "#platform/backup/manifest.ts";
import { blobPath, readBlob } from "#platform/backup/parts.ts";
import { diskBlobStore } from "#platform/blob/disk-blob-store.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";
import type { Progress } from "#platform/module/module.ts";
import { findPostmaster } from "#platform/postgres/postmaster.ts";
import { isAlive, runsWith } from "#platform/postgres/process-alive.ts";
import type { Config } from "../config.ts";
import { beginRestoring, endRestoring, makeDataDir, readRestoring } from "../data-dir.ts";
import { wentBack } from "../went-back.ts";
import { sha256Of } from "./copy-blobs.ts";
import { readBlobList, readSavedFiles } from "./read-backup.ts";
import { restoreDatabase } from "./restore-database.ts";
import { inFolder, withRestored } from "./restored-databases.ts";

const reserveBytes = 256 * 1024 * 1024;
const megabyte = 1024 * 1024;
const copiedAtOnce = 4;

interface Options {
  secret: string;
  endSessions: boolean;
  show: Progress;
}

/** What a folder has to do with a restoration. Errors: DATA_IN_USE, RESTORE_FOLDER_TAKEN, RESTORE_OTHER. */
export async function lookAtFolder(dir: string, { id }: Manifest): Promise<"new" | "begun"> {
  const restoring = await readRestoring(dir);
  if (restoring) {
    if (restoring.pid !== process.pid && isAlive(restoring.pid) && (await runsWith(restoring.pid, "restore")))
      throw refusal("DATA_IN_USE", { dir, program: `process ${restoring.pid}, which restores it` });
    if (restoring.id !== id) throw refusal("RESTORE_OTHER", { dir, id: restoring.id });
    return "begun";
  }
  const running = await findPostmaster(join(dir, "postgres"));
  if (running) throw refusal("DATA_IN_USE", { dir, program: `its PostgreSQL (process ${running.pid})` });
  const names = await readdir(dir).catch((error) => {
    if (error.code === "ENOENT") return [];
    if (error.code === "ENOTDIR") throw refusal("RESTORE_FOLDER_TAKEN", { dir });
    throw error;
  });
  if (names.some((name) => name !== ".writable" && name !== "lost+found"))
    throw refusal("RESTORE_FOLDER_TAKEN", { dir });
  return "new";
}

/**
 * Restores a backup into a folder that has nothing, or where that was begun; what is there already is not fetched again.
 * Nothing else is needed: not the installation that was backed up, nor its database. Returns a line for each file that is
 * damaged or missing; the rest is restored. Errors: BACKUP_DAMAGED of anything else, after which a new folder is as it was;
 * BACKUP_NO_ROOM, those of lookAtFolder.
 */
export async function restoreBackup(
  config: Config,
  target: BackupTarget,
  manifest: Manifest,
  { secret, endSessions, show }: Options,
): Promise<string[]> {
  const { dataDir: dir } = config;
  const begun = await lookAtFolder(dir, manifest);
  if (begun === "new") await refuseWithoutRoom(dir, manifest);
  // All parts that are small, before anything is written.
  const files = await readSavedFiles(target, manifest, secret);
  for await (const _ of readBlobList(target, manifest, secret));
  if (begun === "new") await makeDataDir(dir);
  await beginRestoring(dir, manifest.id);
  await makeDataDir(dir);

  const postgres = join(dir, "postgres");
  if (!existsSync(postgres))
    await restoreDatabase(target, manifest, postgres, { secret, show }).catch(async (error) => {
      if (begun === "new") await empty(dir);
      throw error;
    });
  for (const [name, text] of Object.entries(files))
    if (/^[a-z-]+$/.test(name)) await writeFile(join(dir, name), text, { mode: 0o600, flush: true });
  const lost = await restoreBlobs(target, manifest, join(dir, "blobs"), { secret, show });
  await withRestored(inFolder(config, dir), (databases) =>
    wentBack(databases, { endSessions, notBefore: new Date(manifest.databaseAt) }),
  );
  await endRestoring(dir);
  return lost;
}

async function empty(dir: string): Promise<void> {
  for (const name of await readdir(dir)) await rm(join(dir, name), { recursive: true, force: true });
}

async function restoreBlobs(
  target: BackupTarget,
  manifest: Manifest,
  dir: string,
  { secret, show }: { secret: string; show: Progress },
): Promise<string[]> {
  const key = manifest.keyCheck === "" ? "" : secret;
  const blobs = await diskBlobStore(dir, { reserveBytes: 0 });
  const { count } = manifest.blobs;
  let done = 0;
  const lost: string[] = [];
  const list = readBlobList(target, manifest, secret);
  // All of them take from one list.
  await Promise.all(
    Array.from({ length: copiedAtOnce }, async () => {
      for (let step = await list.next(); !step.done; step = await list.next()) {
        const { key: name, sizeBytes } = step.value;
        if (!(await restoreOne(name, sizeBytes)))
          lost.push(`LOST ${name}: ${target.name}/${blobPath(sha256Of(name), key)} is damaged or missing`);
        show("files", ++done, count);
      }
    }),
  );
  return lost;

  async function restoreOne(name: string, sizeBytes: number): Promise<boolean> {
    if ((await blobs.size(name)) === sizeBytes) return true;
    let failure: unknown;
    const source = Readable.from(readBlob(target, sha256Of(name), key), { objectMode: false });
    // Whoever receives says of each that it broke off: why, it says itself.
    source.once("error", (error) => {
      failure = error;
    });
    try {
      const staged = await blobs.receive(source, { maxBytes: sizeBytes, expectedBytes: sizeBytes });
      await blobs.commit(staged.name, name);
      return true;
    } catch (error) {
      const { reason } = (failure ?? error) as DomainError;
      if (["BACKUP_DAMAGED", "BODY_TOO_LARGE", "EMPTY_FILE"].includes(reason)) return false;
      throw failure ?? error;
    }
  }
}

/** What a manifest asks of the disk under `dir`, which need not exist. */
export async function refuseWithoutRoom(
  dir: string,
  { parts, blobs }: Manifest,
  { withBlobs = true } = {},
): Promise<void> {
  let there = dir;
  while (!(await stat(there).catch(() => undefined))) there = dirname(there);
  const { bavail, bsize } = await statfs(there);
  const needed = parts.postgres.rawBytes + parts.wal.rawBytes + (withBlobs ? blobs.bytes : 0) + reserveBytes;
  if (bavail * bsize < needed)
    throw refusal("BACKUP_NO_ROOM", {
      where: dir,
      free: Math.floor((bavail * bsize) / megabyte),
      needed: Math.ceil(needed / megabyte),
    });
}
