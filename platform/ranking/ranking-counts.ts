import { type RawBuilder, sql } from "kysely";
import type { KeptCount } from "../db/recount.ts";
import type { RankingFacts } from "./ranking.ts";
import type { RankedList } from "./ranking-tables.ts";

interface Counted {
  schema: string;
  key: string;
  lists: readonly RankedList[];
}

/** Totals of lists with windows, and the buckets of which they are the sums. */
export function countOfTotals(what: string, { schema, key, lists }: Counted): KeptCount {
  const windows = lists.flatMap(({ name, windows }) => windows.map((window) => [window.name, name] as const));
  const of = sql.join(windows.map(([window, list]) => sql`(${sql.lit(window)}, ${sql.lit(list)})`));
  const names = sql.join([...new Set(windows.map(([, list]) => sql.lit(list)))]);
  return {
    what,
    kept: sql`select (${sql.id(key)}, list), n from ${sql.id(schema, "ranking_total")} where list in (${names})`,
    facts: sql`
      select (b.${sql.id(key)}, w.list), sum(b.n) from ${sql.id(schema, "ranking_bucket")} b
      join (values ${of}) as w(name, list) on w.name = b.list group by 1`,
  };
}

/** By the clock of the database. */
export const databaseNowMs = sql`(extract(epoch from now()) * 1000)::int8`;

/**
 * Buckets, and totals of all time, and what the facts say. The oldest of a window are left out: clocks of processes
 * differ, so some have removed them already.
 */
export function countsOfFacts(
  whatBuckets: string,
  whatTotals: string,
  { schema, key, lists }: Counted,
  facts: RankingFacts,
  nowMs: RawBuilder<unknown> = databaseNowMs,
): KeptCount[] {
  const buckets = lists.flatMap((list) =>
    list.windows.map((window) => {
      const { name, bucketMs, buckets } = window;
      const first = sql`(${nowMs} / ${sql.lit(bucketMs)} - ${sql.lit(buckets - 2)})`;
      return {
        kept: sql`
          select (${sql.id(key)}, list, bucket), n from ${sql.id(schema, "ranking_bucket")}
          where list = ${sql.lit(name)} and bucket >= ${first}`,
        facts: sql`
          select (f.id, ${sql.lit(name)}::text, f.bucket), f.n
          from (${facts.inBuckets(list, window, first)}) as f(id, bucket, n)`,
      };
    }),
  );
  const totals = lists.filter(({ windows }) => windows.length === 0);
  const all = (parts: RawBuilder<unknown>[]) => sql.join(parts, sql` union all `);
  return [
    {
      what: whatBuckets,
      kept: all(buckets.map(({ kept }) => kept)),
      facts: all(buckets.map(({ facts }) => facts)),
    },
    {
      what: whatTotals,
      kept: all(
        totals.map(
          ({ name }) => sql`
            select (${sql.id(key)}, list), n from ${sql.id(schema, "ranking_total")} where list = ${sql.lit(name)}`,
        ),
      ),
      facts: all(
        totals.map(
          (list) => sql`
            select (f.id, ${sql.lit(list.name)}::text), f.n from (${facts.ofAllTime(list)}) as f(id, n)`,
        ),
      ),
    },
  ];
}
