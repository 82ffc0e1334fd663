import { randomBytes } from "node:crypto";
import { link, mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { refusal } from "#contracts/reasons.ts";
import { closeFolder } from "#platform/blob/close-folder.ts";
import { type Database, openDatabase } from "#platform/db/database.ts";
import { migrate } from "#platform/db/migrate.ts";
import { migrations as eventMigrations } from "#platform/events/migrations.ts";
import { migrations as idMigrations } from "#platform/ids/node-lease.ts";
import { migrations as leaseMigrations } from "#platform/lease/migrations.ts";
import type { Logger } from "#platform/observe/log.ts";
import { startEmbeddedPostgres } from "#platform/postgres/embedded-postgres.ts";
import { folderError } from "#platform/postgres/postgres-errors.ts";
import { canLendAccess } from "#platform/postgres/run-as.ts";
import { migrations as securityMigrations } from "#platform/security/migrations.ts";
import type { Config } from "./config.ts";
import { lockFolder } from "./folder-lock.ts";
import type { ModuleEntry } from "./targets.ts";

export interface Storage {
  database: Database;
  /** No other program can use the database while this one does. */
  alone: boolean;
  close(): Promise<void>;
}

/**
 * The database of this process: the one that the configuration names, or the embedded one, which only one server at a
 * time may use. With `exclusive: false`, a command uses it while a server runs. Errors: DATA_IN_USE, FOLDER_UNUSABLE,
 * and those of the embedded PostgreSQL.
 */
export async function openStorage(config: Config, log: Logger, { exclusive = true } = {}): Promise<Storage> {
  await makeDataDir(config.dataDir);
  if (config.databaseUrl) {
    const database = openDatabase(config.databaseUrl, { log });
    return { database, alone: false, close: () => database.close() };
  }
  const postgres = await startEmbeddedPostgres({
    dir: join(config.dataDir, "postgres"),
    log,
    keepAlive: exclusive,
  });
  const database = openDatabase(postgres.url, { log });
  const lock = await lockFolder(database.pool, log);
  const runningFile = join(config.dataDir, "running.txt");
  if (!lock) {
    if (!exclusive) return { database, alone: false, close: () => database.close() };
    await database.close();
    const other = await readFile(runningFile, "utf8").catch(() => "another program");
    throw refusal("DATA_IN_USE", { dir: config.dataDir, program: other.trim() });
  }
  await writeFile(runningFile, `process ${process.pid}\n`);
  return {
    database,
    alone: true,
    async close() {
      lock.release();
      await database.close();
      await postgres.stop();
    },
  };
}

/** Brings the schemas of these modules up to date; returns what was done. */
export async function migrateAll(database: Database, entries: ModuleEntry[]): Promise<string[]> {
  const schemas = [
    { name: "lease", migrations: leaseMigrations },
    { name: "ids", migrations: idMigrations },
    { name: "events", migrations: eventMigrations },
    { name: "security", migrations: securityMigrations },
    ...entries.map(({ module }) => ({ name: module.name, migrations: module.migrations })),
  ];
  const done: string[] = [];
  for (const { name, migrations } of schemas) {
    if (!migrations) continue;
    for (const migration of await migrate(database, name, migrations)) done.push(`${name} ${migration}`);
  }
  return done;
}

/** The secret that the processes of one installation share. */
export async function clusterSecret(config: Config): Promise<string> {
  if (config.clusterSecret) return config.clusterSecret;
  const path = join(config.dataDir, "cluster-secret");
  const draft = `${path}.${process.pid}`;
  await writeFile(draft, randomBytes(32).toString("base64url"), { mode: 0o600 });
  try {
    // Written in full or not at all: processes that start together must read the same secret.
    await link(draft, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  } finally {
    await rm(draft, { force: true });
  }
  const secret = (await readFile(path, "utf8")).trim();
  if (secret !== "" && Buffer.byteLength(secret) >= 32) return secret;
  throw refusal("SECRET_TOO_SHORT", { path });
}

async function makeDataDir(dir: string): Promise<void> {
  try {
    await makeFolders(dir);
    await writeFile(join(dir, ".writable"), "");
    if (await isOwn(dir))
      await closeFolder(dir, process.getuid?.() === 0 && !(await canLendAccess()) ? 0o711 : 0o700);
  } catch (error) {
    throw folderError(error, dir, dir);
  }
}

/**
 * Whether a data folder contains only our data: root may name one that the whole machine needs, such as /proc or /.
 */
async function isOwn(dir: string): Promise<boolean> {
  const names = await readdir(dir);
  return names.includes("blobs") || names.every((name) => name === ".writable");
}

/** Not mkdir's `recursive`: it never returns below /proc, which exists and accepts no folder. */
async function makeFolders(dir: string): Promise<void> {
  const make = () =>
    mkdir(dir).catch((error) => {
      if (error.code !== "EEXIST") throw error;
    });
  await make().catch(async (error) => {
    if (error.code !== "ENOENT" || dirname(dir) === dir) throw error;
    await makeFolders(dirname(dir));
    await make();
  });
}
