import { randomInt } from "node:crypto";
import { chmod, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { BackupTarget } from "#platform/backup/backup-target.ts";
import { type Manifest, type Proof, writeProof } from "#platform/backup/manifest.ts";
import { blobPath, readBlob, storedBlobBytes } from "#platform/backup/parts.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import type { Progress } from "#platform/module/module.ts";
import { createLog } from "#platform/observe/log.ts";
import { bringDown, findPostmaster } from "#platform/postgres/postmaster.ts";
import { isAlive } from "#platform/postgres/process-alive.ts";
import packageJson from "../../../package.json" with { type: "json" };
import { countAll } from "../commands/recount.ts";
import type { Config } from "../config.ts";
import type { Databases } from "../open-databases.ts";
import { usedIn } from "../used-blobs.ts";
import { sha256Of } from "./copy-blobs.ts";
import { readBlobList, readSavedFiles } from "./read-backup.ts";
import { refuseWithoutRoom } from "./restore-backup.ts";
import { restoreDatabase } from "./restore-database.ts";
import { inFolder, withRestored } from "./restored-databases.ts";

const prefix = "douya-verify-";
const askedAtOnce = 16;

interface Options {
  secret: string;
  /** How many files are read whole and compared with their hash. */
  sample: number;
  show: Progress;
}

/**
 * Restores a backup for a trial: its database is started in a folder for the time being and recounted, all of its files are
 * looked for, some are read. What came of it is written beside the manifest. Error: BACKUP_NO_ROOM.
 */
export async function verifyBackup(
  config: Config,
  target: BackupTarget,
  manifest: Manifest,
  options: Options,
): Promise<Proof> {
  await removeAbandoned();
  const dir = await mkdtemp(join(tmpdir(), `${prefix}${process.pid}-`));
  // The database may run as another account if this one is root.
  if (process.getuid?.() === 0) await chmod(dir, 0o711);
  const problems: string[] = [];
  const found: string[] = [];
  try {
    await refuseWithoutRoom(dir, manifest, { withBlobs: false });
    const secret = manifest.keyCheck === "" ? "" : options.secret;
    await readSavedFiles(target, manifest, secret);
    const listed = await lookForBlobs(target, manifest, { ...options, secret }, problems, found);
    await restoreDatabase(target, manifest, join(dir, "postgres"), { secret, show: options.show });
    await withRestored(inFolder(config, dir), async (databases) => {
      const counts = await countAll(databases);
      for (const { module, what, drifts } of counts)
        if (drifts > 0) problems.push(`${module} ${what}: ${drifts} differ from the facts.`);
      found.push(`The database starts; ${counts.length} counts were compared with their facts.`);
      const { lost } = manifest.blobs;
      if (lost > 0) found.push(`${lost} files were missing already when it was taken.`);
      const unlisted = (await countUnlisted(databases, listed)) - lost;
      if (unlisted > 0)
        found.push(`${unlisted} files are not in it, of what was deleted while it was taken.`);
    });
  } catch (error) {
    const { reason } = error as DomainError;
    if (!(error instanceof DomainError) || reason === "BACKUP_NO_ROOM") throw error;
    problems.push(error.message);
  } finally {
    await rm(dir, { recursive: true, force: true, maxRetries: 3 });
  }
  const proof = {
    ...{ id: manifest.id, at: new Date().toISOString(), version: packageJson.version },
    isProven: problems.length === 0,
    found: [...problems, ...found],
  };
  await writeProof(target, proof);
  return proof;
}

/** Returns the keys of all files of the backup. */
async function lookForBlobs(
  target: BackupTarget,
  manifest: Manifest,
  { secret, sample, show }: Options,
  problems: string[],
  found: string[],
): Promise<Set<string>> {
  const all: { key: string; sizeBytes: number }[] = [];
  for await (const one of readBlobList(target, manifest, secret)) all.push(one);
  if (all.length !== manifest.blobs.count)
    problems.push(`${manifest.blobs.count} files were copied, and ${all.length} are listed.`);
  let next = 0;
  let absent = 0;
  await Promise.all(
    Array.from({ length: askedAtOnce }, async () => {
      for (let one = all[next++]; one; one = all[next++]) {
        const stored = await target.size(blobPath(sha256Of(one.key), secret));
        if (stored === storedBlobBytes(one.sizeBytes, secret)) continue;
        if (absent++ < 10) problems.push(`${one.key} is ${stored === undefined ? "missing" : "cut off"}.`);
      }
    }),
  );
  if (absent > 10) problems.push(`${absent} files are missing or cut off.`);
  const chosen = sampleOf(all, sample);
  for (const [at, { key }] of chosen.entries()) {
    try {
      for await (const _ of readBlob(target, sha256Of(key), secret));
    } catch (error) {
      if (!(error instanceof DomainError) || error.reason !== "BACKUP_DAMAGED") throw error;
      problems.push(error.message);
    }
    show("files", at + 1, chosen.length);
  }
  found.push(`${all.length} files are there; ${chosen.length} were read and compared with their hash.`);
  return new Set(all.map(({ key }) => key));
}

function sampleOf<T>(all: readonly T[], count: number): T[] {
  const rest = [...all];
  return Array.from(
    { length: Math.min(count, rest.length) },
    () => rest.splice(randomInt(rest.length), 1)[0]!,
  );
}

/**
 * The list was read after the moment of the database: what the database names and the list has not was in use at that moment
 * and not any more a little later.
 */
async function countUnlisted(databases: Databases, listed: Set<string>): Promise<number> {
  let unlisted = 0;
  for await (const page of usedIn(databases)) for (const { key } of page) if (!listed.has(key)) unlisted++;
  return unlisted;
}

/** Folders of killed trials, whose databases may still run. */
async function removeAbandoned(): Promise<void> {
  for (const name of await readdir(tmpdir())) {
    const pid = Number(/^(\d+)-/.exec(name.startsWith(prefix) ? name.slice(prefix.length) : "")?.[1]);
    if (!(pid > 0) || pid === process.pid || isAlive(pid)) continue;
    const folder = join(tmpdir(), name);
    const left = await findPostmaster(join(folder, "postgres"));
    if (left) await bringDown(left, createLog("fatal"));
    await rm(folder, { recursive: true, force: true });
  }
}
