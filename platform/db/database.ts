import { Kysely, PostgresDialect, type Transaction } from "kysely";
import pg from "pg";
import type { Logger } from "../observe/log.ts";
import { kyselyPool } from "./kysely-pool.ts";

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

/** Opens each module's database once more, with a signal. */
// biome-ignore lint/suspicious/noExplicitAny: Kysely's types are invariant in the tables.
const openers = new WeakMap<Kysely<any>, (signal: AbortSignal) => Kysely<any>>();

/** A module's database (Database.of) with a signal: when it fires, statements are cancelled and none begins any more. */
export function withSignal<T>(signal: AbortSignal, db: Kysely<T>): Kysely<T> {
  const open = openers.get(db);
  if (!open) throw new Error("not the database of a module");
  return open(signal);
}

/** The traces of the calls that databases were opened for. */
// biome-ignore lint/suspicious/noExplicitAny: see above.
const traces = new WeakMap<Kysely<any>, string>();

/** The trace to which belongs what is written through this database, when it was opened for a call. */
export function traceOf<T>(db: Kysely<T>): string | undefined {
  return traces.get(db);
}

/** The store for a call: its statements are cancelled with the call, its events belong to the call's trace. */
export type StoreFor<Store> = (call: { readonly signal: AbortSignal; readonly traceId?: string }) => Store;

/** A store for each call, and one that is nobody's. */
export interface PerCall<Store> extends StoreFor<Store> {
  /** For work that must be finished even when its caller is gone. */
  readonly lasting: Store;
}

export function perCall<T, Store>(db: Kysely<T>, make: (db: Kysely<T>) => Store): PerCall<Store> {
  const forCall: StoreFor<Store> = ({ signal, traceId }) => {
    const opened = withSignal(signal, db);
    if (traceId) traces.set(opened, traceId);
    return make(opened);
  };
  return Object.assign(forCall, { lasting: make(db) });
}

/** Longest that a statement of a request may take. The server ends it. */
const statementTimeoutMs = 15_000;
/**
 * How long a statement's answer is awaited. The server's timeout comes first, so nothing comes any more when this one
 * passes: something on the way drops the packets, and TCP would notice after a quarter of an hour.
 */
const defaultAnswerTimeoutMs = statementTimeoutMs + 5_000;

/** Connects lazily. int8 comes as a string, so that no id passes through a JavaScript number. */
export function openDatabase(
  url: string,
  options: { log: Logger; maxConnections?: number; name?: string; answerTimeoutMs?: number },
): Database {
  const { answerTimeoutMs = defaultAnswerTimeoutMs } = options;
  const pool = new pg.Pool({
    connectionString: url,
    max: options.maxConnections ?? 16,
    connectionTimeoutMillis: 5_000,
    idleTimeoutMillis: 60_000,
    application_name: options.name ?? "douya",
    statement_timeout: statementTimeoutMs,
    query_timeout: answerTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    idle_in_transaction_session_timeout: 30_000,
  });
  // A connection lost between two queries of a transaction emits an error here too; without a listener it would end the
  // process. The next query fails with it.
  pool.on("connect", (client) => client.on("error", () => {}));
  let closing = false;
  // The error carries the whole client with its password. While closing, a connection may end before its goodbye.
  pool.on("error", ({ message }) => {
    if (!closing) options.log.warn({ reason: message }, "an idle database connection was lost");
  });
  const poolWith = kyselyPool(pool, options.log);
  const open = <T>(schema: string, signal?: AbortSignal): Kysely<T> =>
    new Kysely<T>({ dialect: new PostgresDialect({ pool: poolWith(signal) }) }).withSchema(schema);
  return {
    pool,
    of<T>(schema: string) {
      const db = open<T>(schema);
      openers.set(db, (signal) => open(schema, signal));
      return db;
    },
    close() {
      closing = true;
      return pool.end();
    },
  };
}
