import { type RawBuilder, sql } from "kysely";
import type { Database, Transaction } from "./database.ts";
import { setStatementTimeout } from "./statement-timeout.ts";

/** A denormalized count, and the queries for it and for its facts. */
export interface KeptCount {
  /** The name that an operator reads: `followers`. */
  what: string;
  /** Rows of two columns: a key and its stored count. Missing keys count as 0. */
  kept: RawBuilder<unknown>;
  /** The same, counted from the facts. */
  facts: RawBuilder<unknown>;
}

interface Drift {
  key: string;
  kept: string;
  facts: string;
}

export interface Recounted {
  module: string;
  what: string;
  tookMs: number;
  /** The number of keys whose counts differ from the facts, and the first of them. */
  drifts: number;
  first: Drift[];
}

const shown = 20;

/**
 * Compares counts with their facts in one snapshot, so that it is exact while the system works, and in the database,
 * so that it takes no memory here. `onStart` is called with the name of each count.
 */
export async function recount(
  database: Database,
  modules: { name: string; counts: readonly KeptCount[] }[],
  options: { statementTimeoutMs: number; onStart: (module: string, what: string) => void },
): Promise<Recounted[]> {
  return database
    .of<object>("public")
    .transaction()
    .setIsolationLevel("repeatable read")
    .setAccessMode("read only")
    .execute(async (snapshot) => {
      // Large tables take longer than any request may.
      await setStatementTimeout(snapshot, options.statementTimeoutMs);
      const done: Recounted[] = [];
      for (const { name, counts } of modules) {
        for (const count of counts) {
          options.onStart(name, count.what);
          const sinceMs = performance.now();
          const { drifts, first } = await compare(snapshot, count);
          done.push({ module: name, what: count.what, tookMs: performance.now() - sinceMs, drifts, first });
        }
      }
      return done;
    });
}

/** Compares one count with its facts: how many keys differ, and the first of them. */
export async function compare(
  // biome-ignore lint/suspicious/noExplicitAny: Kysely's types are invariant in the tables.
  on: Transaction<any>,
  { kept, facts }: KeptCount,
): Promise<Pick<Recounted, "drifts" | "first">> {
  const { rows } = await sql<Drift & { drifts: string }>`
    select key::text, kept, facts, count(*) over () as drifts
    from (
      select coalesce(k.key, f.key) as key, coalesce(k.n, 0) as kept, coalesce(f.n, 0) as facts
      from (${kept}) as k(key, n) full join (${facts}) as f(key, n) on k.key = f.key
    ) both_counts
    where kept <> facts order by key limit ${shown}`.execute(on);
  return {
    drifts: Number(rows[0]?.drifts ?? 0),
    first: rows.map(({ key, kept, facts }) => ({ key, kept, facts })),
  };
}
