import { sql } from "kysely";
import { refusal } from "#contracts/reasons.ts";
import type { Kysely, Transaction } from "#platform/db/database.ts";
import { setStatementTimeout } from "#platform/db/statement-timeout.ts";
import { takeTurn as wait } from "#platform/db/take-turn.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import { createRanking, type RankingFacts } from "#platform/ranking/ranking.ts";
import type { RankedList } from "#platform/ranking/ranking-tables.ts";
import { downloads, shares } from "./daily-store.ts";
import type { Tables } from "./tables.ts";

export const rankings = { shared: shares, downloaded: downloads } as const;
export type RankingName = keyof typeof rankings;

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

/** Any number: writers of the rankings take this lock. */
const rankingLock = 7_083_813;

function listsOf(ranking: RankingName): Record<WindowName, RankedList> {
  const windowed = (window: keyof typeof sliding): RankedList => {
    const name = `${ranking} ${window}`;
    return { name, windows: [{ name, ...sliding[window] }] };
  };
  return { "24h": windowed("24h"), "7d": windowed("7d"), all: { name: `${ranking} all`, windows: [] } };
}
const names = Object.keys(rankings) as RankingName[];
const lists = { shared: listsOf("shared"), downloaded: listsOf("downloaded") };
export const ranked = {
  schema: "interaction",
  key: "video_id",
  lists: names.flatMap((ranking) => Object.values(lists[ranking])),
};
const rankingOf = (list: RankedList) => rankings[list.name.split(" ")[0] as RankingName];

const facts: RankingFacts = {
  inBuckets(list, { bucketMs }, first) {
    const { table, at } = rankingOf(list);
    return sql`
      select video_id, ${at} / ${bucketMs}::int8, count(*)
      from ${sql.id("interaction", table)} join interaction.video v using (video_id)
      where not v.removed and ${at} >= ${first} * ${bucketMs}::int8 group by 1, 2`;
  },
  ofAllTime: (list) => sql`
    select video_id, ${sql.id(rankingOf(list).count)} from interaction.video where not removed`,
};

/**
 * Rankings of videos by facts (docs/adr/0037). A bucket is not added to but set to what its facts say, so an event may
 * come any number of times, and before or after a rebuild. Of all time there are no buckets: the count that is kept with
 * the facts is the total. `now` in Unix milliseconds.
 */
export function rankingStore(db: Kysely<Tables>, now: () => number) {
  const ranking = createRanking(db, { ...ranked, takeTurn, now });
  return {
    /** Counts the facts at these times anew. */
    async recount(on: Transaction<Tables>, changes: FactChange[]): Promise<void> {
      await takeTurn(on);
      for (const name of names) {
        const { table, at, count } = rankings[name];
        const touched = changes
          .filter((one) => one.ranking === name)
          .map(({ videoId, timesMs }) => ({ id: videoId, timesMs }));
        if (touched.length === 0) continue;
        for (const list of [lists[name]["24h"], lists[name]["7d"]])
          await ranking.set(
            on,
            list,
            touched,
            (id, fromMs, toMs) => sql`
              select count(*) from ${sql.id("interaction", table)} f join interaction.video v using (video_id)
              where f.video_id = ${id} and not v.removed and ${at} >= ${fromMs} and ${at} < ${toMs}`,
          );
        await ranking.setTotals(
          on,
          lists[name].all,
          sql`
            select video_id, case when removed then 0 else ${sql.id(count)} end
            from interaction.video where video_id = any(${touched.map(({ id }) => id)}::int8[])`,
        );
      }
    },
    /** A removed video is ranked no more. */
    forget: (videoId: string): Promise<void> =>
      inTransaction(db, async (transaction) => {
        await takeTurn(transaction);
        await ranking.forget(transaction, [videoId]);
      }),
    expire: ranking.expire,
    /** The highest first, then the newest video. */
    async top(name: RankingName, window: WindowName, limit: number): Promise<RankedVideo[]> {
      const found = await ranking.top(lists[name][window], limit);
      return found.map(({ id, count }) => ({ videoId: id, count }));
    },
    /** Builds the rankings anew from the facts while the system serves. */
    async rebuild(on: Transaction<Tables>): Promise<void> {
      await takeTurn(on);
      await setStatementTimeout(on, 600_000);
      await ranking.rebuild(on, facts);
    },
  };
}

export type RankingStore = ReturnType<typeof rankingStore>;

const takeTurn = (on: Transaction<Tables>) => wait(on, rankingLock, () => refusal("RANKING_BUSY"));
