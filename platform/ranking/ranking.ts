import { type RawBuilder, sql } from "kysely";
import type { Kysely, Transaction } from "../db/database.ts";
import { inTransaction } from "../db/transaction.ts";
import type { RankedList, SlidingWindow } from "./ranking-tables.ts";

export interface Ranked {
  id: string;
  count: number;
}
/** What is added at a time; negative: what is taken back of what was added at that time. */
export interface RankingChange {
  list: RankedList;
  id: string;
  atMs: number;
  n: number;
}
/** The SQL of what is ranked, as selects of an id, a bucket and a number, and, of all time, of an id and a number. */
export interface RankingFacts {
  inBuckets(list: RankedList, window: SlidingWindow, first: RawBuilder<unknown>): RawBuilder<unknown>;
  ofAllTime(list: RankedList): RawBuilder<unknown>;
}

const expiryBatch = 2_000;

/**
 * Rankings, exact for their sliding windows (docs/adr/0037 and 0051): a number per bucket of time, and totals per list. An
 * expired bucket is taken off its total in a while, and until then by whoever reads. Writers hold `takeTurn` until their
 * transaction ends, so that two never deadlock, and see all that those before them wrote; readers wait for nobody. What is
 * done in a transaction that is given needs the turn first. `now` in Unix milliseconds.
 */
export function createRanking<Tables>(
  db: Kysely<Tables>,
  {
    schema,
    key,
    lists,
    takeTurn,
    now,
  }: {
    schema: string;
    key: string;
    lists: readonly RankedList[];
    takeTurn(on: Transaction<Tables>): Promise<void>;
    now(): number;
  },
) {
  const id = sql.id(key);
  const buckets = sql.id(schema, "ranking_bucket");
  const totals = sql.id(schema, "ranking_total");
  const firstBucket = ({ bucketMs, buckets }: SlidingWindow) => Math.floor(now() / bucketMs) - buckets;

  const expireSome = (list: RankedList, window: SlidingWindow, first: number) =>
    inTransaction(db, async (transaction) => {
      await takeTurn(transaction);
      const { rows } = await sql<{ n: string }>`
        with gone as (
          delete from ${buckets} where list = ${window.name} and (${id}, bucket) in (
            select ${id}, bucket from ${buckets}
            where list = ${window.name} and bucket < ${first} order by bucket limit ${expiryBatch}
          ) returning ${id}, n
        ), less as (
          update ${totals} t set n = t.n - g.n from (select ${id}, sum(n) as n from gone group by 1) g
          where t.${id} = g.${id} and t.list = ${list.name}
        )
        select count(*) as n from gone`.execute(transaction);
      await sql`delete from ${totals} where list = ${list.name} and n = 0`.execute(transaction);
      return Number(rows[0]!.n);
    });

  return {
    /** In two statements, and two more if something is taken back. What has expired changes nothing. */
    async add(on: Transaction<Tables>, changes: Iterable<RankingChange>): Promise<void> {
      const first = new Map(lists.flatMap(({ windows }) => windows.map((one) => [one, firstBucket(one)])));
      const inBuckets = new Map<string, { id: string; list: string; bucket: number; n: number }>();
      const inTotals = new Map<string, { id: string; list: string; n: number }>();
      const addTo = <Row extends { n: number }>(rows: Map<string, Row>, of: string, row: Row) => {
        const known = rows.get(of);
        if (known) known.n += row.n;
        else rows.set(of, row);
      };
      for (const { list, id, atMs, n } of changes) {
        let times = list.windows.length === 0 ? 1 : 0;
        for (const window of list.windows) {
          const bucket = Math.floor(atMs / window.bucketMs);
          if (bucket < first.get(window)!) continue;
          times += 1;
          addTo(inBuckets, `${id} ${window.name} ${bucket}`, { id, list: window.name, bucket, n });
        }
        if (times > 0) addTo(inTotals, `${id} ${list.name}`, { id, list: list.name, n: times * n });
      }
      const rows = [...inBuckets.values()].filter(({ n }) => n !== 0);
      const sums = [...inTotals.values()].filter(({ n }) => n !== 0);
      const columns = (of: { id: string; list: string }[]) =>
        sql`${of.map(({ id }) => id)}::int8[], ${of.map(({ list }) => list)}::text[]`;
      if (rows.length > 0)
        await sql`
          insert into ${buckets} as b (${id}, list, bucket, n)
          select * from unnest(${columns(rows)}, ${rows.map(({ bucket }) => bucket)}::int8[], ${rows.map(({ n }) => n)}::int8[]) order by 1, 2, 3
          on conflict (${id}, list, bucket) do update set n = b.n + excluded.n`.execute(on);
      if (sums.length > 0)
        await sql`
          insert into ${totals} as t (${id}, list, n)
          select * from unnest(${columns(sums)}, ${sums.map(({ n }) => n)}::int8[]) order by 1, 2
          on conflict (${id}, list) do update set n = t.n + excluded.n`.execute(on);
      const lessRows = rows.filter(({ n }) => n < 0);
      if (lessRows.length > 0)
        await sql`
          delete from ${buckets} b
          using unnest(${columns(lessRows)}, ${lessRows.map(({ bucket }) => bucket)}::int8[]) as w(id, list, bucket)
          where b.${id} = w.id and b.list = w.list and b.bucket = w.bucket and b.n = 0`.execute(on);
      const lessSums = sums.filter(({ n }) => n < 0);
      if (lessSums.length > 0)
        await sql`
          delete from ${totals} t using unnest(${columns(lessSums)}) as w(id, list)
          where t.${id} = w.id and t.list = w.list and t.n = 0`.execute(on);
    },
    /**
     * Counts anew the buckets in which these times are. `count`: the SQL of the number of an id between two times, the
     * second excluded.
     */
    async set(
      on: Transaction<Tables>,
      list: RankedList,
      touched: { id: string; timesMs: number[] }[],
      count: (
        id: RawBuilder<unknown>,
        fromMs: RawBuilder<unknown>,
        toMs: RawBuilder<unknown>,
      ) => RawBuilder<unknown>,
    ): Promise<void> {
      for (const window of list.windows) {
        const { name, bucketMs } = window;
        const first = firstBucket(window);
        const within = touched
          .flatMap(({ id, timesMs }) => timesMs.map((atMs) => ({ id, bucket: Math.floor(atMs / bucketMs) })))
          .filter(({ bucket }) => bucket >= first);
        if (within.length === 0) continue;
        const from = sql`w.bucket * ${bucketMs}::int8`;
        const to = sql`(w.bucket + 1) * ${bucketMs}::int8`;
        await sql`
          with now as materialized (
            select w.id, w.bucket, coalesce(b.n, 0) as was, (${count(sql`w.id`, from, to)}) as n
            from (
              select distinct * from unnest(${within.map(({ id }) => id)}::int8[],
                ${within.map(({ bucket }) => bucket)}::int8[]) as t(id, bucket)
            ) w
            left join ${buckets} b on b.${id} = w.id and b.list = ${name} and b.bucket = w.bucket
          ), gone as (
            delete from ${buckets} b using now
            where now.n = 0 and b.${id} = now.id and b.list = ${name} and b.bucket = now.bucket
          ), kept as (
            insert into ${buckets} (${id}, list, bucket, n)
            select id, ${name}, bucket, n from now where n > 0
            on conflict (${id}, list, bucket) do update set n = excluded.n
          )
          insert into ${totals} as t (${id}, list, n)
          select id, ${list.name}, sum(n - was) from now group by id having sum(n - was) <> 0
          on conflict (${id}, list) do update set n = t.n + excluded.n`.execute(on);
        await sql`
          delete from ${totals}
          where ${id} = any(${within.map(({ id }) => id)}::int8[]) and list = ${list.name} and n = 0`.execute(
          on,
        );
      }
    },
    /** Sets the totals of a list of all time to what a select of ids and numbers says. */
    async setTotals(on: Transaction<Tables>, list: RankedList, counted: RawBuilder<unknown>): Promise<void> {
      await sql`
        with now as materialized (select * from (${counted}) as c(id, n)), gone as (
          delete from ${totals} t using now where now.n = 0 and t.${id} = now.id and t.list = ${list.name}
        )
        insert into ${totals} (${id}, list, n) select id, ${list.name}, n from now where n > 0
        on conflict (${id}, list) do update set n = excluded.n`.execute(on);
    },
    /** They are ranked no more. */
    async forget(on: Transaction<Tables>, ids: string[]): Promise<void> {
      for (const table of [buckets, totals])
        await sql`delete from ${table} where ${id} = any(${ids}::int8[])`.execute(on);
    },
    /** Removes all expired buckets, in transactions of bounded size. */
    async expire(signal?: AbortSignal): Promise<void> {
      for (const list of lists)
        for (const window of list.windows) {
          const first = firstBucket(window);
          const due = await sql`
            select from ${buckets} where list = ${window.name} and bucket < ${first} limit 1`.execute(db);
          if (due.rows.length === 0) continue;
          while ((await expireSome(list, window, first)) === expiryBatch) signal?.throwIfAborted();
        }
    },
    /**
     * The highest first, then the one with the highest id. What has expired and is not removed yet only lowers a total:
     * once the last that is shown is as high as the last total that was looked at, none of the others can be higher.
     */
    async top(list: RankedList, limit: number): Promise<Ranked[]> {
      if (limit < 1) return [];
      const due = list.windows.map(
        (window) => sql` - coalesce((
          select sum(b.n) from ${buckets} b
          where b.${id} = first.id and b.list = ${window.name} and b.bucket < ${firstBucket(window)}
        ), 0)`,
      );
      for (let look = due.length === 0 ? limit : 2 * limit; ; look *= 4) {
        const { rows } = await sql<{ id: string; n: string; settled: boolean }>`
          with first as materialized (
            select ${id} as id, n from ${totals} where list = ${list.name} order by n desc, ${id} desc limit ${look}
          ), shown as (
            select id, n${sql.join(due, sql``)} as n from first order by 2 desc, 1 desc limit ${limit}
          )
          select id, n, (select count(*) from first) < ${look}
            or (n, id) >= (select n, id from first order by n, id limit 1) as settled
          from shown order by n desc, id desc`.execute(db);
        if (rows.at(-1)?.settled === false) continue;
        return rows.filter(({ n }) => Number(n) > 0).map(({ id, n }) => ({ id, count: Number(n) }));
      }
    },
    /** Makes all, or those of some ids, from the facts; readers see the old ones until the commit. */
    async rebuild(on: Transaction<Tables>, facts: RankingFacts, ids?: string[]): Promise<void> {
      const among = (column: RawBuilder<unknown>) => (ids ? sql`${column} = any(${ids}::int8[])` : sql`true`);
      for (const table of [buckets, totals]) await sql`delete from ${table} where ${among(id)}`.execute(on);
      for (const list of lists) {
        for (const window of list.windows)
          await sql`
            with made as (
              insert into ${buckets} (${id}, list, bucket, n)
              select id, ${window.name}, bucket, n
              from (${facts.inBuckets(list, window, sql`${firstBucket(window)}::int8`)}) as f(id, bucket, n)
              where n > 0 and ${among(sql`id`)} returning ${id}, n
            )
            insert into ${totals} as t (${id}, list, n) select ${id}, ${list.name}, sum(n) from made group by 1
            on conflict (${id}, list) do update set n = t.n + excluded.n`.execute(on);
        if (list.windows.length === 0)
          await sql`
            insert into ${totals} (${id}, list, n)
            select id, ${list.name}, n from (${facts.ofAllTime(list)}) as f(id, n)
            where n > 0 and ${among(sql`id`)}`.execute(on);
      }
    },
  };
}
