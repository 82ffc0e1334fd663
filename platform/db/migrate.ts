import { setTimeout as delay } from "node:timers/promises";
import type { PoolClient } from "pg";
import { refusal } from "../errors/reasons.ts";
import type { Database } from "./database.ts";
import { buildIndex, isConcurrent } from "./index-migration.ts";
import { connectError } from "./kysely-pool.ts";

/**
 * SQL texts by name, applied in the order of their names, each once; never edited after they have landed. One that builds
 * an index of an existing table is that statement alone: `create index concurrently if not exists …`. One whose name ends
 * in `+` only adds what code of before may do without: processes of the version before go on starting beside it.
 */
export type Migrations = Readonly<Record<string, string>>;

interface MigrateOptions {
  /** How long to wait for other processes that migrate, and for a lock that others keep. */
  patienceMs?: number;
}

/** The one that earlier versions used, so that old and new processes exclude each other. */
export const lockKey = "3853314791062309107";
const lockPollMs = 100;
/** Readers and writers that come later wait behind a statement that waits for a lock: not for long. */
const lockTimeoutMs = 500;
const maxPauseMs = 5_000;
/** Longest delay of a timer: a large table takes as long as it takes. */
const longestMs = 2 ** 31 - 1;
const lockNotAvailable = "55P03";

/**
 * Brings one schema up to date and tells which migrations ran. Safe to run from many processes at once. Each migration is
 * a transaction, which gives up after half a second without the locks that it needs, and tries again a little later. So
 * nobody waits long behind it. Errors: DATABASE_NEWER, MIGRATION_BLOCKED.
 */
export async function migrate(
  database: Database,
  schema: string,
  migrations: Migrations,
  { patienceMs = 600_000 }: MigrateOptions = {},
): Promise<string[]> {
  const deadlineMs = Date.now() + patienceMs;
  const session = await database.pool.connect().catch((error) => {
    throw connectError(error);
  });
  try {
    const query = (text: string) => session.query({ text, query_timeout: longestMs } as { text: string });
    await query(`set statement_timeout = 0; set lock_timeout = ${lockTimeoutMs}`);
    await lock(session, deadlineMs);
    const { rows } = await session.query(
      `select to_regclass('"${schema}".kysely_migration') is null as fresh`,
    );
    // A role that may not create schemas can use one that is there.
    if (rows[0].fresh)
      await query(`
        create schema if not exists "${schema}";
        create table "${schema}".kysely_migration (
          name varchar(255) primary key,
          "timestamp" varchar(255) not null
        )`);
    const pending = await pendingOf(session, schema, migrations);
    for (const name of pending) await runOnce(name);
    return pending;

    async function runOnce(name: string): Promise<void> {
      const text = migrations[name]!;
      for (let pauseMs = lockTimeoutMs; ; pauseMs = Math.min(maxPauseMs, 2 * pauseMs)) {
        try {
          return isConcurrent(text) ? await outside(name, text) : await inTransaction(name, text);
        } catch (error) {
          if ((error as { code?: string }).code !== lockNotAvailable) throw error;
          if (Date.now() > deadlineMs) throw await blocked(session, `${schema} ${name}`);
        }
        await delay(pauseMs * (0.5 + Math.random() / 2));
      }
    }

    async function inTransaction(name: string, text: string): Promise<void> {
      try {
        await query("begin");
        await query(text);
        await note(name);
        await query("commit");
      } catch (error) {
        await query("rollback").catch(() => {});
        throw error;
      }
    }

    /** It cannot run in a transaction. One that was cut off before it was noted is there already. */
    async function outside(name: string, text: string): Promise<void> {
      // It waits for all older transactions, and neither readers nor writers wait behind it.
      await query("set lock_timeout = 0");
      await buildIndex(query, schema, text);
      await query(`set lock_timeout = ${lockTimeoutMs}`);
      await note(name);
    }

    async function note(name: string): Promise<void> {
      await session.query(`insert into "${schema}".kysely_migration values ($1, $2)`, [
        name,
        new Date().toISOString(),
      ]);
    }
  } finally {
    // With it go its settings and its lock.
    session.release(true);
  }
}

/**
 * Polled, because a statement that waits for the lock would be in the way of an index that another process builds: that
 * waits for all older statements.
 */
async function lock(session: PoolClient, deadlineMs: number): Promise<void> {
  for (;;) {
    const { rows } = await session.query<{ mine: boolean }>(
      `select pg_try_advisory_lock(${lockKey}) as mine`,
    );
    if (rows[0]!.mine) return;
    if (Date.now() > deadlineMs) throw await blocked(session, "of another process");
    await delay(lockPollMs);
  }
}

/**
 * In the order of their names. A database that knows a migration that we do not is of a newer version, beside which we can
 * run if those only add.
 */
async function pendingOf(session: PoolClient, schema: string, migrations: Migrations): Promise<string[]> {
  const { rows } = await session.query<{ name: string }>(`select name from "${schema}".kysely_migration`);
  const done = new Set(rows.map(({ name }) => name));
  const unknown = [...done].filter((name) => !(name in migrations) && !name.endsWith("+"));
  if (unknown.length > 0) throw refusal("DATABASE_NEWER", { schema, unknown: unknown.join(", ") });
  return Object.keys(migrations)
    .filter((name) => !done.has(name))
    .sort();
}

/** Names the session that most probably keeps the lock. */
async function blocked(session: PoolClient, migration: string): Promise<Error> {
  const { rows } = await session
    .query<{ pid: number; program: string; minutes: number }>(
      `select pid, application_name as program, ceil(extract(epoch from now() - xact_start) / 60)::int as minutes
       from pg_stat_activity
       where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null
       order by xact_start limit 1`,
    )
    .catch(() => ({ rows: [] }));
  const [oldest] = rows;
  const by = oldest
    ? `process ${oldest.pid} of PostgreSQL (${oldest.program || "unnamed"}), in a transaction for ${oldest.minutes} min`
    : "another session";
  return refusal("MIGRATION_BLOCKED", { migration, by });
}
