import { sql } from "kysely";
import { refusal } from "#contracts/reasons.ts";
import type { Kysely, Queryable, Transaction } from "#platform/db/database.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import { dayMs, hourMs, startOf } from "./rules.ts";
import type { Tables } from "./tables.ts";

/** The tables of which what is old is dropped, and the time that one of their partitions has. */
export const partitioned = {
  raw: hourMs,
  position: hourMs,
  session: dayMs,
  minute: dayMs,
  hour: 30 * dayMs,
} as const;
export type Partitioned = keyof typeof partitioned;

/** How long after their end partitions are kept; `raw` as the operator says, and days and totals for ever. */
export const keptMs = { position: 2 * hourMs, session: dayMs, minute: 7 * dayMs, hour: 365 * dayMs } as const;

/** Of the people who make or drop partitions: one after the other. */
const lock = "hashtextextended('playback.partitions', 0)";

/** `raw_2026113023`: by the hour in which it begins, in UTC. */
export function partitionName(table: Partitioned, startMs: number): string {
  return `${table}_${new Date(startMs).toISOString().slice(0, 13).replace(/\D/g, "")}`;
}

export interface Partition {
  name: string;
  startMs: number;
  endMs: number;
}

/** Those that there are, in the order of their times. */
export async function listPartitions(on: Queryable<Tables>, table: Partitioned): Promise<Partition[]> {
  const { rows } = await sql<{ name: string }>`
    select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = ${`playback.${table}`}::regclass order by 1`.execute(on);
  return rows.map(({ name }) => {
    const [, y, m, d, h] = /_(\d{4})(\d\d)(\d\d)(\d\d)$/.exec(name)!;
    const startMs = Date.UTC(Number(y), Number(m) - 1, Number(d), Number(h));
    return { name, startMs, endMs: startMs + partitioned[table] };
  });
}

/** Whoever comes later waits behind one who waits for a lock: not for long. */
const lockTimeoutMs = 500;
/** Thrown by `work` when its time has not come. */
export const notYet = new Error("not yet");

/**
 * Changes partitions in a transaction that ends without effect when it does not get its locks at once. Tells whether it is
 * done. `before`: what takes longer, while nobody waits.
 */
export async function changePartitions(
  db: Kysely<Tables>,
  work: (on: Transaction<Tables>) => Promise<void>,
  before?: (on: Transaction<Tables>) => Promise<void>,
): Promise<boolean> {
  try {
    await inTransaction(db, async (transaction) => {
      await before?.(transaction);
      await sql`select set_config('lock_timeout', ${String(lockTimeoutMs)}, true)`.execute(transaction);
      await sql`select pg_advisory_xact_lock(${sql.raw(lock)})`.execute(transaction);
      await work(transaction);
    });
    return true;
  } catch (error) {
    if (error === notYet || (error as { code?: string }).code === "55P03") return false;
    throw error;
  }
}

export interface Partitions {
  /** Makes those that are needed for rows of these times, and are not there. Error: BUSY, for hours of `raw` that are closed. */
  ensure(table: Partitioned, timesMs: Iterable<number>): Promise<void>;
  /** After an error: perhaps one that was there is gone. */
  forget(): void;
  /** After a refusal: looks until when hours of `raw` are closed. */
  findClosed(): Promise<void>;
  /** Whether the hour is known to be closed, so that nothing of it can be stored. */
  isClosed(atMs: number): boolean;
}

export function createPartitions(db: Kysely<Tables>): Partitions {
  const there = new Set<string>();
  let closedUntilMs = 0;
  return {
    async ensure(table, timesMs) {
      const starts = new Set<number>();
      for (const atMs of timesMs) starts.add(startOf(atMs, partitioned[table]));
      for (const startMs of starts) {
        const name = partitionName(table, startMs);
        if (there.has(name)) continue;
        await inTransaction(db, (transaction) => make(transaction, table, startMs));
        there.add(name);
      }
    },
    forget: () => there.clear(),
    async findClosed() {
      closedUntilMs = await closedUntil(db);
    },
    isClosed: (atMs) => atMs < closedUntilMs,
  };
}

/** Of `raw`: 0 before the first hour is closed. */
export async function closedUntil(on: Queryable<Tables>): Promise<number> {
  const { rows } = await sql<{ ms: string | null }>`
    select max(start_ms) + ${sql.lit(hourMs)} as ms from playback.closed_hour`.execute(on);
  return Number(rows[0]!.ms ?? 0);
}

async function make(on: Transaction<Tables>, table: Partitioned, startMs: number): Promise<void> {
  const name = sql.id("playback", partitionName(table, startMs));
  const parent = sql.id("playback", table);
  await sql`select pg_advisory_xact_lock(${sql.raw(lock)})`.execute(on);
  const { rows } = await sql<{ there: boolean }>`
    select to_regclass(${`playback.${partitionName(table, startMs)}`}) is not null as there`.execute(on);
  if (rows[0]!.there) return;
  if (table === "raw") {
    const { rows: closed } = await sql`
      select from playback.closed_hour where start_ms >= ${startMs} limit 1`.execute(on);
    if (closed.length > 0) throw refusal("BUSY");
  }
  await sql`create table ${name} (like ${parent} including all)`.execute(on);
  // This keeps neither readers nor writers of the table waiting, as `create table … partition of` would.
  await sql`
    alter table ${parent} attach partition ${name}
    for values from (${sql.lit(startMs)}) to (${sql.lit(startMs + partitioned[table])})`.execute(on);
}
