import { Kysely, PostgresDialect, type Transaction } from "kysely";
import pg from "pg";
import type { Logger } from "../observe/log.ts";
import { honestPool } from "./honest-pool.ts";

export type { Kysely, Transaction };
/** Either a module's database or a transaction on it. */
export type Queryable<T> = Kysely<T> | Transaction<T>;

/** One pool per process; each module sees it as a database of its own schema. */
export interface Database {
  pool: pg.Pool;
  /** Kysely over the tables of one schema. */
  of<T>(schema: string): Kysely<T>;
  close(): Promise<void>;
}

/** Connects lazily. int8 comes as a string, so that no id passes through a JavaScript number. */
export function openDatabase(
  url: string,
  options: { log: Logger; maxConnections?: number; name?: string },
): Database {
  const pool = new pg.Pool({
    connectionString: url,
    max: options.maxConnections ?? 16,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 60_000,
    application_name: options.name ?? "douya",
    statement_timeout: 15_000,
    idle_in_transaction_session_timeout: 30_000,
  });
  // A connection that is lost between two queries of a transaction says so here too; unheard, that would end the
  // process. The next query fails with it.
  pool.on("connect", (client) => client.on("error", () => {}));
  let closing = false;
  // The error carries the whole client, password and all. One that we are closing may end before its goodbye.
  pool.on("error", ({ message }) => {
    if (!closing) options.log.warn({ reason: message }, "an idle database connection was lost");
  });
  const dialect = new PostgresDialect({ pool: honestPool(pool, options.log) });
  return {
    pool,
    of: <T>(schema: string) => new Kysely<T>({ dialect }).withSchema(schema) as Kysely<T>,
    close() {
      closing = true;
      return pool.end();
    },
  };
}
