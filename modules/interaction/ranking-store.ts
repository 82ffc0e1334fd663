import { sql } from "kysely";
import { refusal } from "#contracts/reasons.ts";
import type { Kysely, Transaction } from "#platform/db/database.ts";
import { setStatementTimeout } from "#platform/db/statement-timeout.ts";
import { takeTurn as wait } from "#platform/db/take-turn.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import { downloads, shares } from "./daily-store.ts";
import type { Tables } from "./tables.ts";

export const rankings = { shared: shares, downloaded: downloads } as const;
export type RankingName = keyof typeof rankings;

/** Of a sliding window: how long its buckets are, and how many it has beside the one that is being filled. */
const sliding = {
  "24h": { bucketMs: 60_000, buckets: 24 * 60 },
  "7d": { bucketMs: 3_600_000, buckets: 7 * 24 },
} as const;
export type WindowName = keyof typeof sliding | "all";

export interface RankedVideo {
  videoId: string;
  count: number;
}
/** At these times a fact about this video was added or removed. */
export interface FactChange {
  ranking: RankingName;
  videoId: string;
  timesMs: number[];
}

const expiryBatch = 2_000;
/** Any number: writers of the rankings take this lock. */
const rankingLock = 7_083_813;

const listOf = (ranking: RankingName, window: WindowName) => `${ranking} ${window}`;
const lists = (Object.keys(rankings) as RankingName[]).flatMap((ranking) =>
  (Object.keys(sliding) as (keyof typeof sliding)[]).map((window) => ({
    list: listOf(ranking, window),
    ranking,
    ...sliding[window],
  })),
);

/**
 * Rankings of videos by facts (docs/adr/0037): a count per bucket of time, and totals per list. A bucket is not added to
 * but set to what its facts say, so an event may come any number of times, and before or after a rebuild. Writers take
 * turns, so that two never deadlock; readers wait for nobody. `now` in Unix milliseconds.
 */
export function rankingStore(db: Kysely<Tables>, now: () => number) {
  const firstBucket = ({ bucketMs, buckets }: { bucketMs: number; buckets: number }) =>
    Math.floor(now() / bucketMs) - buckets;

  const expireSome = (list: string, first: number) =>
    inTransaction(db, async (transaction) => {
      await takeTurn(transaction);
      const { rows } = await sql<{ n: string }>`
        with gone as (
          delete from interaction.ranking_bucket where list = ${list} and (video_id, bucket) in (
            select video_id, bucket from interaction.ranking_bucket
            where list = ${list} and bucket < ${first} order by bucket limit ${expiryBatch}
          ) returning video_id, n
        ), less as (
          update interaction.ranking_total t set n = t.n - g.n
          from (select video_id, sum(n) as n from gone group by video_id) g
          where t.video_id = g.video_id and t.list = ${list}
        )
        select count(*) as n from gone`.execute(transaction);
      await sql`delete from interaction.ranking_total where list = ${list} and n = 0`.execute(transaction);
      return Number(rows[0]!.n);
    });

  async function setBuckets(on: Transaction<Tables>, of: (typeof lists)[number], changes: FactChange[]) {
    const { list, bucketMs } = of;
    const first = firstBucket(of);
    const touched = changes.flatMap(({ videoId, timesMs }) =>
      timesMs.map((atMs) => [videoId, Math.floor(atMs / bucketMs)] as const),
    );
    const within = touched.filter(([, bucket]) => bucket >= first);
    if (within.length === 0) return;
    const { table, at } = rankings[of.ranking];
    await sql`
      with now as materialized (
        select w.video_id, w.bucket, coalesce(b.n, 0) as was, (
          select count(*) from ${sql.id("interaction", table)} f join interaction.video v using (video_id)
          where f.video_id = w.video_id and not v.removed
            and ${at} >= w.bucket * ${bucketMs}::int8 and ${at} < (w.bucket + 1) * ${bucketMs}::int8
        ) as n
        from (
          select distinct * from unnest(${within.map(([id]) => id)}::int8[], ${within.map(([, one]) => one)}::int8[])
            as t(video_id, bucket)
        ) w
        left join interaction.ranking_bucket b
          on b.video_id = w.video_id and b.list = ${list} and b.bucket = w.bucket
      ), gone as (
        delete from interaction.ranking_bucket b using now
        where now.n = 0 and b.video_id = now.video_id and b.list = ${list} and b.bucket = now.bucket
      ), kept as (
        insert into interaction.ranking_bucket (video_id, list, bucket, n)
        select video_id, ${list}, bucket, n from now where n > 0
        on conflict (video_id, list, bucket) do update set n = excluded.n
      )
      insert into interaction.ranking_total as t (video_id, list, n)
      select video_id, ${list}, sum(n - was) from now group by video_id having sum(n - was) <> 0
      on conflict (video_id, list) do update set n = t.n + excluded.n`.execute(on);
    const ids = within.map(([id]) => id);
    await sql`
      delete from interaction.ranking_total
      where video_id = any(${ids}::int8[]) and list = ${list} and n = 0`.execute(on);
  }

  /** Of all time there are no buckets: the count that is kept with the facts is the total. */
  async function setAllTime(on: Transaction<Tables>, ranking: RankingName, videoIds: string[]) {
    const list = listOf(ranking, "all");
    await sql`
      with now as materialized (
        select video_id, case when removed then 0 else ${sql.id(rankings[ranking].count)} end as n
        from interaction.video where video_id = any(${videoIds}::int8[])
      ), gone as (
        delete from interaction.ranking_total t using now
        where now.n = 0 and t.video_id = now.video_id and t.list = ${list}
      )
      insert into interaction.ranking_total (video_id, list, n)
      select video_id, ${list}, n from now where n > 0
      on conflict (video_id, list) do update set n = excluded.n`.execute(on);
  }

  return {
    /** Counts the facts at these times anew. */
    async recount(on: Transaction<Tables>, changes: FactChange[]): Promise<void> {
      await takeTurn(on);
      for (const of of lists)
        await setBuckets(
          on,
          of,
          changes.filter(({ ranking }) => ranking === of.ranking),
        );
      for (const ranking of Object.keys(rankings) as RankingName[]) {
        const ids = changes.filter((one) => one.ranking === ranking).map(({ videoId }) => videoId);
        if (ids.length > 0) await setAllTime(on, ranking, ids);
      }
    },
    /** A removed video is ranked no more. */
    forget: (videoId: string): Promise<void> =>
      inTransaction(db, async (transaction) => {
        await takeTurn(transaction);
        await sql`delete from interaction.ranking_bucket where video_id = ${videoId}`.execute(transaction);
        await sql`delete from interaction.ranking_total where video_id = ${videoId}`.execute(transaction);
      }),
    /** Removes all expired buckets, in transactions of bounded size. */
    async expire(signal?: AbortSignal): Promise<void> {
      for (const of of lists) {
        const first = firstBucket(of);
        const due = await sql`
          select from interaction.ranking_bucket where list = ${of.list} and bucket < ${first} limit 1`.execute(
          db,
        );
        if (due.rows.length === 0) continue;
        while ((await expireSome(of.list, first)) === expiryBatch) signal?.throwIfAborted();
      }
    },
    /** The highest first, then the newest video. Expired buckets that have not been removed yet are subtracted here. */
    async top(ranking: RankingName, window: WindowName, limit: number): Promise<RankedVideo[]> {
      const list = listOf(ranking, window);
      const first = window === "all" ? 0 : firstBucket(sliding[window]);
      const { rows } = await sql<{ video_id: string; n: string }>`
        with due as materialized (
          select video_id, sum(n) as due from interaction.ranking_bucket
          where list = ${list} and bucket < ${first} group by video_id
        ), first as (
          select video_id, n from interaction.ranking_total where list = ${list}
          order by n desc, video_id desc limit ${limit}::int8 + (select count(*) from due)
        )
        select video_id, n - coalesce(due, 0) as n from first left join due using (video_id)
        where n > coalesce(due, 0) order by 2 desc, 1 desc limit ${limit}::int8`.execute(db);
      return rows.map((row) => ({ videoId: row.video_id, count: Number(row.n) }));
    },
    /** Builds the rankings anew from the facts while the system serves. */
    async rebuild(on: Transaction<Tables>): Promise<void> {
      await takeTurn(on);
      await setStatementTimeout(on, 600_000);
      await sql`delete from interaction.ranking_bucket`.execute(on);
      await sql`delete from interaction.ranking_total`.execute(on);
      for (const of of lists) {
        const { table, at } = rankings[of.ranking];
        await sql`
          insert into interaction.ranking_bucket (video_id, list, bucket, n)
          select video_id, ${of.list}, ${at} / ${of.bucketMs}::int8, count(*)
          from ${sql.id("interaction", table)} join interaction.video v using (video_id)
          where not v.removed and ${at} >= ${firstBucket(of) * of.bucketMs}::int8 group by 1, 3`.execute(on);
      }
      await sql`
        insert into interaction.ranking_total (video_id, list, n)
        select video_id, list, sum(n) from interaction.ranking_bucket group by 1, 2`.execute(on);
      for (const [ranking, { count }] of Object.entries(rankings))
        await sql`
          insert into interaction.ranking_total (video_id, list, n)
          select video_id, ${listOf(ranking as RankingName, "all")}, ${sql.id(count)} from interaction.video
          where not removed and ${sql.id(count)} > 0`.execute(on);
    },
  };
}

export type RankingStore = ReturnType<typeof rankingStore>;

const takeTurn = (on: Transaction<Tables>) => wait(on, rankingLock, () => refusal("RANKING_BUSY"));
