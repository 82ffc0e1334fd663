import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { Readable } from "node:stream";
import { refusal } from "#contracts/reasons.ts";
import type { BackupTarget } from "#platform/backup/backup-target.ts";
import { takeBaseBackup, type WalStart } from "#platform/backup/base-backup.ts";
import {
  keyCheckOf,
  listBackups,
  type Manifest,
  type PartName,
  partPath,
  readManifest,
  writeManifest,
} from "#platform/backup/manifest.ts";
import { type Part, writePart } from "#platform/backup/parts.ts";
import { lockBackups, readMigrations, serverFacts } from "#platform/backup/server-facts.ts";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { installationId } from "#platform/lease/installation.ts";
import type { Progress } from "#platform/module/module.ts";
import packageJson from "../../../package.json" with { type: "json" };
import type { Config } from "../config.ts";
import { type Databases, migrationsOf } from "../open-databases.ts";
import { modulesOf } from "../targets.ts";
import { copyBlobs } from "./copy-blobs.ts";
import { removeOldBackups, removeUnfinished } from "./remove-backups.ts";

/** Small files of the data folder, without which a restoration is another installation. */
const savedFiles = ["cluster-secret", "settings"];
/** Room that a backup leaves. */
const reserveBytes = 64 * 1024 * 1024;
const megabyte = 1024 * 1024;

interface Source {
  config: Config;
  databases: Databases;
  blobs: BlobStore;
}

interface Options {
  secret: string;
  /** How many stay; undefined: all. */
  keep?: number | undefined;
  show: Progress;
  say(line: string): void;
}

/**
 * Takes a backup while servers run. Files are copied before the database, which takes most of the time, and those that have
 * come since after it: so the database names none that is missing, but for what was deleted meanwhile. Errors: BACKUP_*,
 * DISK_FULL.
 */
export async function takeBackup(source: Source, target: BackupTarget, options: Options): Promise<Manifest> {
  const { databases } = source;
  if (databases.all().length > 1)
    throw refusal("BACKUP_SEVERAL_DATABASES", {
      modules: databases
        .all()
        .slice(1)
        .map(({ name }) => name)
        .join(", "),
    });
  const unlock = await lockBackups(databases.main.pool);
  if (!unlock) throw refusal("BACKUP_RUNS");
  try {
    return await takeLocked(source, target, options);
  } finally {
    unlock();
  }
}

async function takeLocked(
  { config, databases, blobs }: Source,
  target: BackupTarget,
  { secret, keep, show, say }: Options,
): Promise<Manifest> {
  const { pool } = databases.main;
  const startedAt = new Date();
  // In the order of time.
  const id = startedAt.toISOString().replaceAll(/[:.]/g, "-");
  const installation = await installationId(pool);
  await refuseOthers(target, installation, secret);
  await removeUnfinished(target);
  const facts = await serverFacts(pool);
  await refuseWithoutRoom(target, facts.bytes);

  const copied = new Map<string, number>();
  const room = (bytes: number) => refuseWithoutRoom(target, bytes);
  await copyBlobs(databases, blobs, target, { secret, copied, show, room });

  const parts = {} as Record<PartName, Part>;
  const write = async (name: PartName, content: Readable, aboutBytes?: number, what?: string) => {
    const onBytes = (bytes: number) =>
      what &&
      aboutBytes &&
      show(what, Math.ceil(bytes / megabyte), Math.ceil(Math.max(bytes, aboutBytes) / megabyte));
    parts[name] = await writePart(target, partPath(id, name), content, {
      secret,
      onBytes,
      ...(aboutBytes && { aboutBytes }),
    });
  };
  const wal: WalStart & { at: Date } = await takeBaseBackup(pool, {
    files: (tar, aboutBytes) => write("postgres", tar, aboutBytes, "database"),
    wal: (bytes) => write("wal", bytes),
  });
  const lost = await copyBlobs(databases, blobs, target, { secret, copied, show, room });
  for (const line of lost) say(line);
  await write("blobs", Readable.from(linesOf(copied)));
  await write("files", Readable.from([Buffer.from(JSON.stringify(await readFiles(config)))]));
  const manifest = {
    ...{ id, installation, version: packageJson.version },
    migrations: await readMigrations(
      pool,
      migrationsOf(modulesOf("all")).map(({ name }) => name),
    ),
    startedAt: startedAt.toISOString(),
    databaseAt: wal.at.toISOString(),
    endedAt: new Date().toISOString(),
    keyCheck: keyCheckOf(secret),
    database: {
      ...{ name: facts.name, role: facts.role, isEmbedded: config.databaseUrl === "" },
      wal: { timeline: wal.timeline, position: wal.position, segmentBytes: wal.segmentBytes },
    },
    parts,
    blobs: {
      count: copied.size,
      bytes: [...copied.values()].reduce((sum, bytes) => sum + bytes, 0),
      lost: lost.length,
    },
  };
  await writeManifest(target, manifest, secret);
  if (keep !== undefined) await removeOldBackups(target, { installation, keep, secret, say });
  return readManifest(target, id, secret);
}

/** Two installations with one folder would remove each other's files. */
async function refuseOthers(target: BackupTarget, installation: string, secret: string): Promise<void> {
  const last = (await listBackups(target)).at(-1);
  if (!last) return;
  const found = await readManifest(target, last, secret).catch((error) => {
    // One with another key, or a damaged one, keeps nobody from making a better one.
    if (error instanceof DomainError && error.reason !== "BACKUP_FOREIGN") return undefined;
    throw error;
  });
  if (found && found.installation !== installation)
    throw refusal("BACKUP_TARGET_TAKEN", { where: target.name });
}

async function refuseWithoutRoom(target: BackupTarget, bytes: number): Promise<void> {
  const free = await target.freeBytes();
  if (free !== undefined && free < bytes + reserveBytes)
    throw refusal("BACKUP_NO_ROOM", {
      where: target.name,
      free: Math.floor(free / megabyte),
      needed: Math.ceil((bytes + reserveBytes) / megabyte),
    });
}

function* linesOf(copied: Map<string, number>): Generator<Buffer> {
  for (const [key, bytes] of copied) yield Buffer.from(`${key} ${bytes}\n`);
}

async function readFiles({ dataDir }: Config): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  for (const name of savedFiles) {
    const text = await readFile(join(dataDir, name), "utf8").catch((error) => {
      if (error.code !== "ENOENT") throw error;
    });
    if (text !== undefined) files[name] = text;
  }
  return files;
}
