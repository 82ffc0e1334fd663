import { sql } from "kysely";
import type { Kysely, Transaction } from "#platform/db/database.ts";
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

/** For so long minutes and hours are kept. */
export const keptMs = { minute: 7 * dayMs, hour: 365 * dayMs } as const;

/** Of the people who make or drop partitions: one after the other. */
const lock = "hashtextextended('playback.partitions', 0)";

/** `raw_2026113023`: by the hour in which it begins, in UTC. */
export function partitionName(table: Partitioned, startMs: number): string {
  return `${table}_${new Date(startMs).toISOString().slice(0, 13).replace(/\D/g, "")}`;
}

export interface Partitions {
  /** Makes those that are needed for rows of these times, and are not there. */
  ensure(table: Partitioned, timesMs: Iterable<number>): Promise<void>;
  /** After an error: perhaps one that was there is gone. */
  forget(): void;
}

export function createPartitions(db: Kysely<Tables>): Partitions {
  const there = new Set<string>();
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
  };
}

async function make(on: Transaction<Tables>, table: Partitioned, startMs: number): Promise<void> {
  const name = sql.id("playback", partitionName(table, startMs));
  const parent = sql.id("playback", table);
  await sql`select pg_advisory_xact_lock(${sql.raw(lock)})`.execute(on);
  const { rows } = await sql<{ there: boolean }>`
    select to_regclass(${`playback.${partitionName(table, startMs)}`}) is not null as there`.execute(on);
  if (rows[0]!.there) return;
  await sql`create table ${name} (like ${parent} including all)`.execute(on);
  // This keeps neither readers nor writers of the table waiting, as `create table … partition of` would.
  await sql`
    alter table ${parent} attach partition ${name}
    for values from (${sql.lit(startMs)}) to (${sql.lit(startMs + partitioned[table])})`.execute(on);
}
