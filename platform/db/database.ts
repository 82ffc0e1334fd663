import { Kysely, PostgresDialect, type PostgresPool, type Transaction } from "kysely";
import pg from "pg";
import type { Logger } from "../observe/log.ts";
import { kyselyPool } from "./kysely-pool.ts";
import { preparedStatements } from "./prepared-statements.ts";
import { watchPrimary } from "./primary.ts";
import { primaryClients } from "./primary-client.ts";
import { readingPool } from "./reading-pool.ts";
import { openReplicas, type Replicas } from "./replicas.ts";
import { serverAddresses } from "./server-addresses.ts";

export type { Kysely, Transaction };
/** Either a module's database or a transaction on it. */
export type Queryable<T> = Kysely<T> | Transaction<T>;

/** One pool per process; each module sees it as a database of its own schema. */
export interface Database {
  pool: pg.Pool;
  /** Kysely over the tables of one schema. */
  of<T>(schema: string): Kysely<T>;
  /** Undefined where there are none. */
  replicas: Replicas | undefined;
  /** The connections under it. */
  connections: Connections;
  /** Ends whatever is being asked now: who stops does not wait for somebody else's lock. */
  cut(): void;
  close(): Promise<void>;
}

interface Opening {
  /** Statements end when it fires. */
  signal?: AbortSignal;
  /** Selects outside of transactions may be answered by a replica. */
  reading?: boolean;
}

type Connections = (opening: Opening) => PostgresPool;

/** Opens each module's database once more. */
// biome-ignore lint/suspicious/noExplicitAny: Kysely's types are invariant in the tables.
const openers = new WeakMap<Kysely<any>, (opening: Opening) => Kysely<any>>();

function reopen<T>(db: Kysely<T>, opening: Opening): Kysely<T> {
  const open = openers.get(db);
  if (!open) throw new Error("not the database of a module");
  return open(opening);
}

/** A module's database (Database.of) with a signal: when it fires, statements are cancelled and none begins any more. */
export function withSignal<T>(signal: AbortSignal, db: Kysely<T>): Kysely<T> {
  return reopen(db, { signal });
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
  /** For calls that only read: replicas answer them too, with everything that was committed before. */
  readonly reading: StoreFor<Store>;
}

export function perCall<T, Store>(db: Kysely<T>, make: (db: Kysely<T>) => Store): PerCall<Store> {
  const storesFor =
    (reading: boolean): StoreFor<Store> =>
    ({ signal, traceId }) => {
      const opened = reopen(db, { signal, reading });
      if (traceId) traces.set(opened, traceId);
      return make(opened);
    };
  return Object.assign(storesFor(false), { lasting: make(db), reading: storesFor(true) });
}

/** Longest that a statement of a request may take. The server ends it. */
const statementTimeoutMs = 15_000;
/**
 * How long a statement's answer is awaited. The server's timeout comes first, so nothing comes any more when this one
 * passes: something on the way drops the packets, and TCP would notice after a quarter of an hour.
 */
const defaultAnswerTimeoutMs = statementTimeoutMs + 5_000;

/** Also when the replica has become a primary. */
const readOnly = "-c default_transaction_read_only=on";

/**
 * Connects lazily. A connection string that names several servers leads to whichever of them is the primary, also when
 * another one is promoted. int8 comes as a string, so that no id passes through a JavaScript number. Error: DATABASE_URL_INVALID.
 */
export function openDatabase(
  url: string,
  options: {
    log: Logger;
    maxConnections?: number;
    name?: string;
    answerTimeoutMs?: number;
    /** How long one waits for a connection. */
    connectTimeoutMs?: number;
    /** One server each. */
    replicaUrls?: readonly string[];
  },
): Database {
  const { answerTimeoutMs = defaultAnswerTimeoutMs, log, name = "douya" } = options;
  const servers = serverAddresses(url);
  const primary =
    servers.length > 1
      ? watchPrimary(servers, { log, name, onMoved: (to) => clients.leaveAllBut(to) })
      : undefined;
  const clients = primaryClients(primary);
  const common: pg.PoolConfig = {
    max: options.maxConnections ?? 16,
    connectionTimeoutMillis: options.connectTimeoutMs ?? 5_000,
    idleTimeoutMillis: 60_000,
    application_name: name,
    statement_timeout: statementTimeoutMs,
    query_timeout: answerTimeoutMs,
    keepAlive: true,
    keepAliveInitialDelayMillis: 10_000,
    idle_in_transaction_session_timeout: 30_000,
  };
  const toPrimary = { ...common, Client: clients.Client, connectionString: servers[0]!.url };
  const pool = new pg.Pool(toPrimary);
  let closing = false;
  // The error carries the whole client with its password. While closing, a connection may end before its goodbye.
  pool.on("error", ({ message }) => {
    if (!closing) log.warn({ reason: message }, "an idle database connection was lost");
  });
  const replicaAddresses = (options.replicaUrls ?? []).flatMap(serverAddresses);
  const replicas =
    replicaAddresses.length > 0
      ? openReplicas(replicaAddresses, { primary: toPrimary, replica: { ...common, options: readOnly }, log })
      : undefined;
  const prepared = preparedStatements();
  const poolWith = kyselyPool(pool, prepared, log);
  const connections: Connections = ({ signal, reading = false }) => {
    const primaryPool = poolWith(signal);
    return reading && replicas ? readingPool(primaryPool, { replicas, prepared, signal }) : primaryPool;
  };
  return {
    pool,
    replicas,
    of: (schema) => openSchema(schema, connections),
    connections,
    cut: clients.cut,
    async close() {
      closing = true;
      await replicas?.close();
      await pool.end();
      await primary?.stop();
    },
  };
}

/** Kysely over the tables of one schema, and the same for whoever opens it once more. */
function openSchema<T>(schema: string, connections: Connections): Kysely<T> {
  const open = (opening: Opening): Kysely<T> =>
    new Kysely<T>({ dialect: new PostgresDialect({ pool: connections(opening) }) }).withSchema(schema);
  const db = open({});
  openers.set(db, open);
  return db;
}
