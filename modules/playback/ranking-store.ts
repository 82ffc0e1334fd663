import { sql } from "kysely";
import { refusal } from "#contracts/reasons.ts";
import type { Kysely, Transaction } from "#platform/db/database.ts";
import { setStatementTimeout } from "#platform/db/statement-timeout.ts";
import { takeTurn as wait } from "#platform/db/take-turn.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import {
  createRanking,
  type Ranked,
  type RankingChange,
  type RankingFacts,
} from "#platform/ranking/ranking.ts";
import type { RankedList, SlidingWindow } from "#platform/ranking/ranking-tables.ts";
import { videosLeft } from "./gone.ts";
import { type HotAct, type HotKind, hotWeights } from "./hot-acts.ts";
import type { FiguresChange } from "./play-changes.ts";
import { hourMs, minuteMs } from "./rules.ts";
import type { Tables } from "./tables.ts";

const byMinute = (name: string, hours: number): SlidingWindow => ({
  name,
  bucketMs: minuteMs,
  buckets: hours * 60,
});
const lists = {
  "viewed 24h": { name: "viewed 24h", windows: [byMinute("viewed 24h", 24)] },
  "viewed 7d": { name: "viewed 7d", windows: [{ name: "viewed 7d", bucketMs: hourMs, buckets: 7 * 24 }] },
  "viewed all": { name: "viewed all", windows: [] },
  // One within the other, and added up: what is of the last hour counts three times, of the last six hours twice.
  hot: { name: "hot", windows: [byMinute("hot 1h", 1), byMinute("hot 6h", 6), byMinute("hot 24h", 24)] },
} satisfies Record<string, RankedList>;
export type ListName = keyof typeof lists;
export const ranked = { schema: "playback", key: "video_id", lists: Object.values(lists) as RankedList[] };

const kinds: Record<HotKind, number> = { like: 1, share: 2 };
const weightOf = sql`case kind when ${sql.lit(kinds.like)} then ${sql.lit(hotWeights.like)} else ${sql.lit(hotWeights.share)} end`;
const isRanked = sql`not exists (select from playback.gone_video g where g.video_id = f.video_id)`;

export const facts: RankingFacts = {
  inBuckets(list, { bucketMs }, first) {
    const bucket = sql.lit(bucketMs);
    if (list !== lists.hot)
      return sql`
        select video_id, start_ms / ${bucket}, sum(views)
        from ${sql.id("playback", bucketMs === hourMs ? "hour" : "minute")} f
        where start_ms >= ${first} * ${bucket} and ${isRanked} group by 1, 2 having sum(views) <> 0`;
    return sql`
      select video_id, bucket, sum(n) from (
        select video_id, start_ms / ${bucket} as bucket,
          views * ${sql.lit(hotWeights.view)} + completions * ${sql.lit(hotWeights.completion)} as n
        from playback.minute where start_ms >= ${first} * ${bucket}
        union all
        select video_id, at_ms / ${bucket}, ${weightOf} from playback.hot_act where at_ms >= ${first} * ${bucket}
      ) f where ${isRanked} group by 1, 2 having sum(n) <> 0`;
  },
  ofAllTime: () => sql`
    select video_id, sum(views) from playback.total f where ${isRanked} group by 1 having sum(views) <> 0`,
};

/** Any number: writers of the rankings take this lock. */
const rankingLock = 7_083_814;
const expiryBatch = 2_000;
/** A hot video has thousands of buckets, and several times as many rows of minutes. */
const rebuildPage = 100;

/**
 * Rankings of videos by how they are watched (docs/adr/0051). What is added, and the facts that it is made of, commit
 * together and in turns, so a rebuild finds both or neither. `now` in Unix milliseconds.
 */
export function rankingStore(db: Kysely<Tables>, now: () => number) {
  const ranking = createRanking(db, { ...ranked, takeTurn, now });
  const sinceMs = () => (Math.floor(now() / minuteMs) - 24 * 60) * minuteMs;

  async function expireActs(signal?: AbortSignal): Promise<void> {
    for (let removed = expiryBatch; removed === expiryBatch; signal?.throwIfAborted())
      removed = await inTransaction(db, async (transaction) => {
        await takeTurn(transaction);
        const { rows } = await sql`
          delete from playback.hot_act where (video_id, user_id, kind, at_ms) in (
            select video_id, user_id, kind, at_ms from playback.hot_act where at_ms < ${sinceMs()}
            order by at_ms limit ${expiryBatch}
          ) returning 1`.execute(transaction);
        return rows.length;
      });
  }

  return {
    /** Adds what was counted, in the transaction that counts it, which has left out deleted videos (gone.ts). */
    async addPlays(on: Transaction<Tables>, changes: FiguresChange[]): Promise<void> {
      const all = changes.flatMap(({ videoId: id, startMs: atMs, views, completions }): RankingChange[] => {
        const hot = views * hotWeights.view + completions * hotWeights.completion;
        return [
          ...(views === 0
            ? []
            : ranked.lists
                .filter((list) => list !== lists.hot)
                .map((list) => ({ list, id, atMs, n: views }))),
          ...(hot === 0 ? [] : [{ list: lists.hot, id, atMs, n: hot }]),
        ];
      });
      if (all.length === 0) return;
      await takeTurn(on);
      await ranking.add(on, all);
    },
    /**
     * What people do beside watching: what they take back is subtracted at the time at which it was done, which is why it
     * is kept as long as it counts. What was told already, or is too old, changes nothing.
     */
    async addActs(on: Transaction<Tables>, told: HotAct[]): Promise<void> {
      const left = await videosLeft(
        on,
        told.map(({ videoId }) => videoId),
      );
      const acts = told.filter(({ videoId }) => left.has(videoId));
      await takeTurn(on);
      const back = acts.filter(({ takenBack }) => takenBack);
      const done = acts
        .flatMap(({ timesMs, ...act }) => timesMs.map((atMs) => ({ ...act, atMs })))
        .filter(({ atMs }) => atMs >= sinceMs());
      const keys = (of: Pick<HotAct, "videoId" | "userId" | "kind">[]) =>
        sql`${of.map(({ videoId }) => videoId)}::int8[], ${of.map(({ userId }) => userId)}::int8[],
          ${of.map(({ kind }) => kinds[kind])}::int2[]`;
      interface Row {
        video_id: string;
        at_ms: string;
        kind: number;
      }
      const { rows: less } = await sql<Row>`
        delete from playback.hot_act a using unnest(${keys(back)}) as w(video_id, user_id, kind)
        where a.video_id = w.video_id and a.user_id = w.user_id and a.kind = w.kind
        returning a.video_id, a.at_ms, a.kind`.execute(on);
      const { rows: more } = await sql<Row>`
        insert into playback.hot_act (video_id, user_id, kind, at_ms)
        select * from unnest(${keys(done)}, ${done.map(({ atMs }) => atMs)}::int8[])
        on conflict do nothing returning video_id, at_ms, kind`.execute(on);
      const changeOf = (sign: 1 | -1) => (row: Row) => ({
        list: lists.hot,
        id: row.video_id,
        atMs: Number(row.at_ms),
        n: sign * (row.kind === kinds.like ? hotWeights.like : hotWeights.share),
      });
      await ranking.add(on, [...less.map(changeOf(-1)), ...more.map(changeOf(1))]);
    },
    /** Takes out deleted videos, after they were marked: what is still told of them is left out. */
    forget: (videoIds: string[]): Promise<void> =>
      inTransaction(db, async (transaction) => {
        await takeTurn(transaction);
        await sql`delete from playback.hot_act where video_id = any(${videoIds}::int8[])`.execute(
          transaction,
        );
        await ranking.forget(transaction, videoIds);
      }),
    /** Removes all that has expired, in transactions of bounded size. */
    async expire(signal?: AbortSignal): Promise<void> {
      await ranking.expire(signal);
      await expireActs(signal);
    },
    /** The highest first, then the newest video. */
    top: (name: ListName, limit: number): Promise<Ranked[]> => ranking.top(lists[name], limit),
    /**
     * Makes the rankings of some videos anew while the system serves, and counting goes on between two pages. `after`: the
     * last video of the page before, at first "0"; returns the last of this one, until there is none.
     */
    rebuildSome: (after: string): Promise<string | undefined> =>
      inTransaction(db, async (transaction) => {
        await takeTurn(transaction);
        await setStatementTimeout(transaction, 60_000);
        const some = ["total", "hot_act", "ranking_total", "ranking_bucket"].map(
          (table) => sql`(
            select distinct video_id from ${sql.id("playback", table)} where video_id > ${after} order by 1 limit ${rebuildPage}
          )`,
        );
        const { rows } = await sql<{ video_id: string }>`
          ${sql.join(some, sql` union `)} order by 1 limit ${rebuildPage}`.execute(transaction);
        const videoIds = rows.map((row) => row.video_id);
        if (videoIds.length > 0) await ranking.rebuild(transaction, facts, videoIds);
        return videoIds.at(-1);
      }),
  };
}

export type RankingStore = ReturnType<typeof rankingStore>;

/** Error: RANKING_BUSY, which is transient for a consumer. */
const takeTurn = (on: Transaction<Tables>) => wait(on, rankingLock, () => refusal("RANKING_BUSY"));
