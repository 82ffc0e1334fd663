import type { ClientBase, Pool } from "pg";
import { DomainError } from "../errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";
import { type Database, openDatabase } from "./database.ts";
import { connectError } from "./kysely-pool.ts";
import { type Migrations, migrate } from "./migrate.ts";
import { patiently } from "./patiently.ts";
import { serverAddresses } from "./server-addresses.ts";

/** Which database this is, and in the main one, which modules have their tables elsewhere. */
const migrations: Migrations = {
  "0001-placement": `
    create table placement.database (
      one boolean primary key default true check (one),
      id uuid not null default gen_random_uuid(),
      -- The id of the main database of the installation; of the main one its own.
      installation uuid,
      -- The module whose database it is; null: the main one, or nobody's yet.
      module text
    );
    insert into placement.database default values;
    create table placement.module (
      name text primary key,
      database uuid not null,
      -- Its connection string, encrypted.
      address bytea not null
    );
  `,
  "0002-moves": `
    -- In the main database: a module that is being moved, which every process gets ready for.
    create table placement.move (
      module text primary key,
      -- Where to; null: to the main database.
      database uuid,
      address bytea,
      -- While it is switched, changes of it are held in the processes.
      held boolean not null default false
    );
    -- In the main one: the processes, by their leases, that are ready for the move of a module.
    create table placement.ready (
      module text not null,
      lease uuid not null,
      -- For a move to there.
      database uuid,
      -- Changes are held, and none is under way.
      held boolean not null default false,
      primary key (module, lease)
    );
    -- In the database to which a module is copied: up to where its changes were applied.
    create table placement.copy (
      module text primary key,
      stream text not null,
      applied pg_lsn not null
    );
    -- Of a database that was a module's: since then the module is in the main one.
    alter table placement.database add left_at timestamptz;
  `,
  "0003-in-use": `
    -- That of a module: since the end of the move, its tables here are those in use.
    alter table placement.database add in_use_since timestamptz;
  `,
};

/** A module whose tables are in a database of its own. */
export interface Placement {
  module: string;
  /** The id of that database. */
  database: string;
  address: Buffer;
}

/** Where modules are, as the main database knows it. An older version's knows nothing: all are in it. */
export async function readPlacements(main: Pool): Promise<Placement[]> {
  if (!(await exists(main, "placement.module"))) return [];
  const { rows } = await main.query<Placement>(
    "select name as module, database, address from placement.module order by name",
  );
  return rows;
}

const moveLock = "hashtextextended('placement.move', 0)";
/** How long a process that starts waits for a move. */
const moveMs = 600_000;

/**
 * Keeps every module where it is until the function that it resolves with is called. A process that starts needs it until
 * its leases are taken, which say that it is there: it may already make tables where it has read that a module is.
 */
export async function holdPlacements(main: Pool): Promise<() => void> {
  const client = await main.connect().catch((error) => {
    throw connectError(error);
  });
  try {
    await client.query(`set statement_timeout = ${moveMs}`);
    await client.query(patiently(`select pg_advisory_lock_shared(${moveLock})`, moveMs));
  } catch (error) {
    client.release(true);
    throw error;
  }
  // The lock is the session's.
  return () => client.release(true);
}

/** Waits for the processes that start, and lets no other one read where modules are before this transaction has ended. */
export async function lockPlacements(on: ClientBase): Promise<void> {
  await on.query(patiently(`select pg_advisory_xact_lock(${moveLock})`));
  await on.query(patiently("lock table placement.module in access exclusive mode"));
}

/**
 * Runs `work` while no other process moves this module. Errors: MOVE_NOT_SWITCHED, when one does; when the module is not
 * where it was, since one has just moved it.
 */
export async function asOnlyMover(
  main: Pool,
  { module, from }: { module: string; from: string | undefined },
  work: () => Promise<void>,
): Promise<void> {
  const isMine = await unlessMoved(main, module, async () => {
    const now = (await readPlacements(main)).find((one) => one.module === module);
    if (now?.database !== from)
      throw refusal("MOVE_NOT_SWITCHED", { module, why: "another command has just moved it" });
    await work();
  });
  if (!isMine) throw refusal("MOVE_NOT_SWITCHED", { module, why: "another command is moving it right now" });
}

/** Runs `work` unless a process moves this module right now, and lets none begin meanwhile; tells whether it did. */
export async function unlessMoved(main: Pool, module: string, work: () => Promise<void>): Promise<boolean> {
  const client = await main.connect();
  try {
    const { rows } = await client.query<{ mine: boolean }>(
      "select pg_try_advisory_lock(hashtextextended('placement.move ' || $1, 0)) as mine",
      [module],
    );
    if (rows[0]!.mine) await work();
    return rows[0]!.mine;
  } finally {
    // The lock is the session's.
    client.release(true);
  }
}

/** Makes this the main database of an installation, or finds that it is. Error: DATABASE_TAKEN. */
export async function claimMain(main: Database): Promise<void> {
  await migrate(main, "placement", migrations);
  await main.pool.query("update placement.database set installation = id where installation is null");
  const { module } = (await identityOf(main.pool))!;
  if (module)
    throw refusal("DATABASE_TAKEN", { setting: "DOUYA_DATABASE_URL", owner: `the module ${module}` });
}

/**
 * Makes this the database of a module of the main one's installation, or finds that it is; gives its id. Without
 * `mayClaim` it must be. Errors: DATABASE_TAKEN, DATABASE_OF_ANOTHER_INSTALLATION, DATABASE_OUTDATED.
 */
export async function claimFor(
  module: string,
  { own, main, setting, mayClaim }: { own: Database; main: Pool; setting: string; mayClaim: boolean },
): Promise<string> {
  const installation = (await identityOf(main))?.id;
  const found = await identityOf(own.pool);
  const isUsed = await exists(own.pool, "events.log");
  if (!installation || (!found?.module && !isUsed && !mayClaim)) throw refusal("DATABASE_OUTDATED");
  if (found?.id === installation) throw refusal("DATABASE_TAKEN", { setting, owner: "the other modules" });
  if (isUsed && found?.installation !== installation)
    throw refusal("DATABASE_OF_ANOTHER_INSTALLATION", { setting });
  if (mayClaim) {
    await migrate(own, "placement", migrations);
    await own.pool.query(
      "update placement.database set installation = $1, module = $2 where installation is null",
      [installation, module],
    );
  }
  const claimed = (await identityOf(own.pool))!;
  if (claimed.installation !== installation) throw refusal("DATABASE_OF_ANOTHER_INSTALLATION", { setting });
  if (claimed.module !== module)
    throw refusal("DATABASE_TAKEN", { setting, owner: `the module ${claimed.module}` });
  return claimed.id;
}

/**
 * Refuses to overwrite tables that were in use after the main database last knew of them: it may come from an older
 * backup, and these would be the only ones that are up to date. Error: MOVE_TARGET_IN_USE.
 */
export async function refuseInUse(module: string, own: Pool): Promise<void> {
  const { rows } = await own.query<{ since: Date }>(
    "select in_use_since as since from placement.database where in_use_since > coalesce(left_at, '-infinity')",
  );
  if (rows[0]) throw refusal("MOVE_TARGET_IN_USE", { module, since: rows[0].since.toISOString() });
}

/** Notes in a database that the module has moved there, or back. */
export async function noteInUse(own: Pool | ClientBase, inUse: boolean): Promise<void> {
  await own.query("update placement.database set in_use_since = case when $1 then now() end", [inUse]);
}

/** Remembers where a module is, so that every process finds it there. */
export async function recordPlacement(main: Pool | ClientBase, placement: Placement): Promise<void> {
  await main.query(
    `insert into placement.module (name, database, address) values ($1, $2, $3)
     on conflict (name) do update set database = excluded.database, address = excluded.address`,
    [placement.module, placement.database, placement.address],
  );
}

/** Remembers that a module is in the main database. */
export async function forgetPlacement(main: Pool | ClientBase, module: string): Promise<void> {
  await main.query("delete from placement.module where name = $1", [module]);
}

/** Whether a module was taken out of its database, which the main one may not know yet. */
export async function hasLeft(own: Pool): Promise<boolean> {
  if (!(await exists(own, "placement.copy"))) return false;
  const { rows } = await own.query<{ left: boolean }>(
    "select left_at is not null as left from placement.database",
  );
  return rows[0]!.left;
}

/** Opens a module's database and finds that it answers. Error: MODULE_DATABASE_UNREACHABLE. */
export async function openReachable(
  module: string,
  url: string,
  options: Parameters<typeof openDatabase>[1],
): Promise<Database> {
  const database = openDatabase(url, options);
  try {
    await reachDatabase(module, database);
    return database;
  } catch (error) {
    await database.close();
    throw error;
  }
}

/** Finds that the main database answers. Error: DATABASE_UNREACHABLE. */
export async function reachMain(url: string, database: Database): Promise<void> {
  await database.pool.query("select 1").catch((error) => {
    const where = serverAddresses(url).map(({ host, port }) => `${host}:${port}`);
    throw refusal("DATABASE_UNREACHABLE", { where: where.join(" and "), why: reasonOf(error) });
  });
}

/** Finds that a module's database answers. Error: MODULE_DATABASE_UNREACHABLE. */
export async function reachDatabase(module: string, database: Database): Promise<void> {
  await database.pool.query("select 1").catch((error) => {
    throw refusal("MODULE_DATABASE_UNREACHABLE", { module, why: reasonOf(error) });
  });
}

export function isUnreachable(error: unknown): boolean {
  return error instanceof DomainError && error.reason === "MODULE_DATABASE_UNREACHABLE";
}

/** The id of the main database, by which its installation is known. */
export async function installationOf(main: Pool): Promise<string> {
  return (await identityOf(main))!.id;
}

interface Identity {
  id: string;
  installation: string | null;
  module: string | null;
}

async function identityOf(pool: Pool): Promise<Identity | undefined> {
  if (!(await exists(pool, "placement.database"))) return undefined;
  return (await pool.query<Identity>("select id, installation, module from placement.database")).rows[0];
}

/** Whether there is a table of this name. */
export async function exists(pool: Pool, table: string): Promise<boolean> {
  const { rows } = await pool.query<{ found: boolean }>("select to_regclass($1) is not null as found", [
    table,
  ]);
  return rows[0]!.found;
}

/** Several addresses were tried: the error of each says what the common one does not. */
function reasonOf(error: unknown): string {
  const [first] = error instanceof AggregateError ? error.errors : [error];
  return (first as Error).message;
}
