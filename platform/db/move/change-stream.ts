import { setTimeout as delay } from "node:timers/promises";
import pg, { type Pool, type PoolClient } from "pg";
import { patiently } from "../patiently.ts";
import { type Change, pgoutputReader } from "./pgoutput.ts";

/** The committed changes of some tables, from a moment on, kept by the server until they were applied. */
export interface ChangeStream {
  /** Whether it is there, has all of these tables, and has lost nothing. */
  exists(tables: readonly string[]): Promise<boolean>;
  /** Begins anew; `copy` sees the tables, in a transaction of its own, as they are before the first change. */
  begin(tables: readonly string[], copy: (source: PoolClient) => Promise<void>): Promise<void>;
  /** Some of the next ones, whole transactions that were committed before a position. */
  next(upTo: string): Promise<Change[]>;
  /** Lets the server forget what was applied. */
  forgetUpTo(position: string): Promise<void>;
  /** Calls `look` with the tables as they are at a position of the stream. */
  atPosition(look: (source: PoolClient, position: string) => Promise<void>): Promise<void>;
  end(): Promise<void>;
}

const changesAtOnce = 5_000;
/** PostgreSQL's code for an object in use. */
const inUse = "55006";

/** `name` ([a-z0-9_]) is that of a logical replication slot and of a publication. */
export function changeStream(pool: Pool, name: string): ChangeStream {
  async function dropAll(): Promise<void> {
    await whenFree(() => dropSlot());
    await pool.query(`drop publication if exists ${name}`);
  }

  async function dropSlot(): Promise<void> {
    await pool.query(
      `select pg_drop_replication_slot(slot_name) from pg_replication_slots
       where slot_name = $1 and database = current_database()`,
      [name],
    );
  }

  /** A slot that is begun over the replication protocol tells the snapshot that it begins with. */
  async function withSlot(
    slot: string,
    kind: "" | "TEMPORARY",
    use: (source: PoolClient, position: string) => Promise<void>,
  ): Promise<void> {
    const options = { ...pool.options, max: 1, replication: "database" } as pg.PoolConfig;
    const replication = new pg.Pool(options);
    replication.on("error", () => {});
    try {
      const session = await replication.connect();
      session.on("error", () => {});
      const { rows } = await session.query<{ snapshot_name: string; consistent_point: string }>(
        patiently(`CREATE_REPLICATION_SLOT ${slot} ${kind} LOGICAL pgoutput EXPORT_SNAPSHOT`),
      );
      const source = await pool.connect();
      try {
        await source.query(
          "begin isolation level repeatable read read only; set local statement_timeout = 0; set local idle_in_transaction_session_timeout = 0; set local timezone = 'UTC'",
        );
        await source.query(`set transaction snapshot '${rows[0]!.snapshot_name}'`);
        await use(source, rows[0]!.consistent_point);
      } finally {
        source.release(true);
        session.release(true);
      }
    } finally {
      await replication.end();
    }
  }

  return {
    async exists(tables) {
      const { rowCount } = await pool.query(
        `select from pg_replication_slots s join pg_publication p on p.pubname = s.slot_name
         where slot_name = $1 and database = current_database() and coalesce(wal_status, '') <> 'lost'
           and $2 = (select count(*)::int from pg_publication_tables t where t.pubname = s.slot_name)`,
        [name, tables.length],
      );
      return rowCount === 1;
    },
    async begin(tables, copy) {
      await dropAll();
      // Before the slot: what is decoded from there on asks for it.
      // What is written to a partition, also to one that is made later, is told as written to its table.
      await pool.query(
        `create publication ${name} for table ${tables.join(", ")} with (publish_via_partition_root = true)`,
      );
      await withSlot(name, "", copy);
    },
    async next(upTo) {
      const { rows } = await whenFree(() =>
        pool.query<{ data: Buffer }>({
          ...patiently(
            `select data from pg_logical_slot_peek_binary_changes('${name}', $1::pg_lsn, ${changesAtOnce},
             'proto_version', '1', 'publication_names', '${name}')`,
          ),
          values: [upTo],
        }),
      );
      const read = pgoutputReader();
      return rows.flatMap(({ data }) => read(data) ?? []);
    },
    async forgetUpTo(position) {
      await pool.query(patiently(`select pg_replication_slot_advance('${name}', '${position}')`));
    },
    atPosition: (look) => withSlot(`${name}_${process.pid}`, "TEMPORARY", look),
    end: dropAll,
  };
}

/** A session whose client was killed may have the slot for a moment. */
async function whenFree<Found>(work: () => Promise<Found>): Promise<Found> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if ((error as { code?: string }).code !== inUse || attempt === 100) throw error;
    }
    await delay(100);
  }
}

/** 22369304 as 0/1555558 */
export function positionOf(bytes: bigint): string {
  return `${(bytes >> 32n).toString(16)}/${(bytes & 0xffffffffn).toString(16)}`.toUpperCase();
}
