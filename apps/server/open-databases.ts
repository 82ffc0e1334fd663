import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { refusal } from "#contracts/reasons.ts";
import { type Database, openDatabase } from "#platform/db/database.ts";
import { type Migrations, migrate } from "#platform/db/migrate.ts";
import { claimMain, holdPlacements, reachMain } from "#platform/db/placement.ts";
import { leaveGapIfRestored } from "#platform/events/log/restored.ts";
import { migrations as eventMigrations } from "#platform/events/migrations.ts";
import { migrations as idMigrations } from "#platform/ids/node-lease.ts";
import { migrations as leaseMigrations } from "#platform/lease/migrations.ts";
import type { Logger } from "#platform/observe/log.ts";
import { startEmbeddedPostgres } from "#platform/postgres/embedded-postgres.ts";
import { migrations as securityMigrations } from "#platform/security/migrations.ts";
import type { Config } from "./config.ts";
import { makeDataDir } from "./data-dir.ts";
import { lockFolder } from "./folder-lock.ts";
import { type ModuleDatabases, type NamedDatabase, openModuleDatabases } from "./module-databases.ts";
import type { ModuleEntry } from "./targets.ts";

/** The databases of the installation: the main one, and one for each module that has its own. */
export interface Databases {
  main: Database;
  /** The main one first. */
  all(): readonly NamedDatabase[];
  of(module: string): Database;
  /** No other program can use the main one while this one does. */
  alone: boolean;
  /** Opens those of single modules, which `migrate` does too. */
  place(): Promise<void>;
  /** Brings the schemas of these modules up to date, each where it is; returns what was done. */
  migrate(entries: ModuleEntry[]): Promise<string[]>;
  /**
   * The same for a process that serves them: the database of a module need not answer yet. No module is moved before
   * `lease` is through, in which the process takes the leases that say that it is there.
   */
  migrateAndLease(entries: ModuleEntry[], lease: () => Promise<void>): Promise<void>;
  /** As of openModuleDatabases. */
  placeOf(module: string): string | undefined;
  prepare: ModuleDatabases["prepare"];
  withId: ModuleDatabases["withId"];
  settle: ModuleDatabases["settle"];
  /** Whether the database of this module did not answer and has not been reached since. */
  isAway(module: string): boolean;
  /** Brings a database that was away up to date. Errors as of openModuleDatabases. */
  reach(entry: ModuleEntry): Promise<void>;
  close(): Promise<void>;
}

/**
 * The databases that the configuration names, and those into which modules were moved; without any, the embedded one,
 * which only one server at a time may use. With `exclusive: false`, a command uses them while a server runs. Errors:
 * DATA_IN_USE, FOLDER_UNUSABLE, DATABASE_UNREACHABLE, those of the embedded PostgreSQL and of openModuleDatabases.
 */
export async function openDatabases(
  config: Config,
  log: Logger,
  { exclusive = true } = {},
): Promise<Databases> {
  const { database: main, alone, close } = await openMain(config, log, exclusive);
  const own = openModuleDatabases({ main, config, log });
  const databases: Databases = {
    main,
    alone,
    all: () => [{ name: "main", database: main }, ...own.all()],
    of: (module) => own.of(module) ?? main,
    place: () => own.place({ mayClaim: false }),
    migrate: (entries) => migrateHeld(entries, false, async () => {}),
    async migrateAndLease(entries, lease) {
      await migrateHeld(entries, true, lease);
    },
    placeOf: own.placeOf,
    prepare: own.prepare,
    withId: own.withId,
    settle: own.settle,
    isAway: (module) => own.reach.has(module),
    async reach(entry) {
      const { name } = entry.module;
      const letMove = await holdPlacements(main.pool);
      try {
        await own.reach.get(name)?.();
        await migrateAll(databases.of(name), [entry], false);
      } finally {
        letMove();
      }
    },
    async close() {
      await own.close();
      await close();
    },
  };
  async function migrateHeld(
    entries: ModuleEntry[],
    mayBeAway: boolean,
    lease: () => Promise<void>,
  ): Promise<string[]> {
    await claimMain(main);
    const letMove = await holdPlacements(main.pool);
    try {
      await own.place({ mayClaim: true, mayBeAway });
      const done: string[] = [];
      for (const { name, database } of databases.all()) {
        if (databases.isAway(name)) continue;
        const here = entries.filter(({ module }) => databases.of(module.name) === database);
        const where = name === "main" ? "" : `${name}: `;
        for (const what of await migrateAll(database, here, name === "main")) done.push(`${where}${what}`);
      }
      await lease();
      return done;
    } finally {
      letMove();
    }
  }

  if (exclusive) return databases;
  try {
    await databases.place();
    return databases;
  } catch (error) {
    await databases.close();
    throw error;
  }
}

/** With the function that closes it. */
interface OpenMain {
  database: Database;
  alone: boolean;
  close(): Promise<void>;
}

async function openMain(config: Config, log: Logger, exclusive: boolean): Promise<OpenMain> {
  await makeDataDir(config.dataDir);
  if (config.databaseUrl) {
    const database = openDatabase(config.databaseUrl, { log, replicaUrls: config.databaseReplicaUrls });
    await reachMain(config.databaseUrl, database).catch(async (error) => {
      await database.close();
      throw error;
    });
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

/** Brings the schemas of these modules up to date, and those of the platform; returns what was done. */
export async function migrateAll(
  database: Database,
  entries: ModuleEntry[],
  isMain = true,
): Promise<string[]> {
  const done: string[] = [];
  for (const { name, migrations } of migrationsOf(entries, isMain))
    for (const migration of await migrate(database, name, migrations)) done.push(`${name} ${migration}`);
  await leaveGapIfRestored(database.pool);
  return done;
}

/** Of each schema. */
export function migrationsOf(
  entries: ModuleEntry[],
  isMain = true,
): { name: string; migrations: Migrations }[] {
  return [
    { name: "lease", migrations: leaseMigrations },
    // One sequence of node numbers for all.
    ...(isMain ? [{ name: "ids", migrations: idMigrations }] : []),
    { name: "events", migrations: eventMigrations },
    { name: "security", migrations: securityMigrations },
    ...entries.flatMap(({ module: { name, migrations } }) => (migrations ? [{ name, migrations }] : [])),
  ];
}
