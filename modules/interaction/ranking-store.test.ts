import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { reset } from "#platform/events/admin/admin.ts";
import type { Consumer } from "#platform/events/consumer/consumer.ts";
import { drifts } from "#platform/testing/drifts.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { randomOf, testSeed } from "#platform/testing/random.ts";
import { projectRankings, rankedEvents } from "./consumers.ts";
import { dailyStore, dayOf } from "./daily-store.ts";
import { migrations } from "./migrations.ts";
import {
  type RankingName,
  type RankingStore,
  rankingStore,
  rankings,
  type WindowName,
} from "./ranking-store.ts";
import { counts } from "./recount.ts";
import { removalStore } from "./removal-store.ts";
import type { Tables } from "./tables.ts";
import { addVideos } from "./video-rows.ts";

const startMs = Date.UTC(2026, 0, 1);
const hourMs = 3_600_000;
const videos = ["101", "102", "103", "104"];
const people = ["5", "6", "7"];
const names = Object.keys(rankings) as RankingName[];
const windows = ["24h", "7d", "all"] as const;
let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let clockMs = startMs;
let store: RankingStore;
let consumer: Consumer;

beforeAll(async () => {
  own = await createModuleDatabase<Tables>("interaction", "rankings", migrations);
  store = rankingStore(own.db, () => clockMs);
  consumer = own.events.consume<(typeof rankedEvents)[number]>({
    group: "interaction.rankings",
    types: rankedEvents,
    handle: projectRankings(store),
  });
});
afterAll(async () => {
  await consumer.stop();
  await own.drop();
});
beforeEach(empty);

async function empty() {
  await consumer.settled();
  clockMs = startMs;
  await own.database.pool.query(
    "truncate interaction.shared_picture, interaction.share, interaction.download, interaction.video, interaction.person, interaction.ranking_bucket, interaction.ranking_total",
  );
  await addVideos(
    own.db,
    videos.map((videoId) => ({ videoId, authorId: "1" })),
  );
}

interface Fact {
  ranking: RankingName;
  videoId: string;
  userId: string;
  atMs: number;
}
let lastLabel = 0;
async function add(facts: Fact[], { ranking, videoId, userId }: Omit<Fact, "atMs">) {
  const daily = dailyStore(own.db, own.events, rankings[ranking]);
  const label = ranking === "shared" ? String(++lastLabel) : "";
  const [changed] = await daily.apply([{ videoId, userId, atMs: clockMs, label }]);
  const known = facts.some(
    (one) =>
      one.ranking === ranking &&
      one.videoId === videoId &&
      one.userId === userId &&
      dayOf(one.atMs) === dayOf(clockMs),
  );
  expect(changed).toBe(!known);
  if (!known) facts.push({ ranking, videoId, userId, atMs: clockMs });
}

/** What a list says, counted one by one. */
function naive(facts: Fact[], ranking: RankingName, window: WindowName) {
  const bucketMs = window === "24h" ? 60_000 : hourMs;
  const lengthMs = window === "24h" ? 24 * hourMs : 7 * 24 * hourMs;
  const sinceMs = Math.floor(clockMs / bucketMs) * bucketMs - lengthMs;
  const found = new Map<string, number>();
  for (const one of facts)
    if (one.ranking === ranking && (window === "all" || one.atMs >= sinceMs))
      found.set(one.videoId, (found.get(one.videoId) ?? 0) + 1);
  return [...found]
    .map(([videoId, count]) => ({ videoId, count }))
    .sort((a, b) => b.count - a.count || Number(b.videoId) - Number(a.videoId));
}
async function compare(facts: Fact[]) {
  await consumer.settled();
  for (const ranking of names)
    for (const window of windows) {
      const expected = naive(facts, ranking, window);
      expect(await store.top(ranking, window, 50), `${ranking} ${window}`).toEqual(expected);
      expect(await store.top(ranking, window, 2)).toEqual(expected.slice(0, 2));
    }
}
const rebuild = () => own.db.transaction().execute((on) => store.rebuild(on));

test("equals a naive recount at any instant, whatever the clock does and however often events come", async () => {
  const random = randomOf(testSeed("rankings"));
  for (let run = 0; run < 5; run++) {
    await empty();
    let facts: Fact[] = [];
    const there = [...videos];
    for (let step = 0; step < 60; step++) {
      const what = random.next();
      if (what < 0.5)
        await add(facts, {
          ranking: random.of(names),
          videoId: random.of(there),
          userId: random.of(people),
        });
      else if (what < 0.7) clockMs += random.of([1, 59_999, 60_000, hourMs, 23 * hourMs, 24 * hourMs]);
      else if (what < 0.75) await store.expire();
      else if (what < 0.8) await rebuild();
      else if (what < 0.83) await reset(own.database.pool, "interaction.rankings", "start");
      else if (what < 0.86) {
        const gone = random.of(people);
        for (const ranking of names) await dailyStore(own.db, own.events, rankings[ranking]).forget(gone);
        facts = facts.filter(({ userId }) => userId !== gone);
      } else if (what < 0.88 && there.length > 2) {
        // As the consumer of deletions does it; an event of before may come afterwards.
        const gone = there.pop()!;
        const removal = removalStore(own.db, own.events);
        await removal.close(gone, "1");
        for (const ranking of names) await removal.removeFacts(gone, rankings[ranking]);
        await store.forget(gone);
        facts = facts.filter(({ videoId }) => videoId !== gone);
      } else await compare(facts);
    }
    await compare(facts);
    expect(await drifts(own.database, counts)).toEqual([]);
  }
});

test("leaves nothing of a window behind when it is over", async () => {
  const facts: Fact[] = [];
  for (const userId of people) await add(facts, { ranking: "shared", videoId: "101", userId });
  await consumer.settled();
  clockMs += 8 * 24 * hourMs;
  await compare(facts);
  await store.expire();
  await compare(facts);
  const { rows } = await own.database.pool.query(
    "select list, n from interaction.ranking_total union all select list, n from interaction.ranking_bucket",
  );
  expect(rows).toEqual([{ list: "shared all", n: "3" }]);
});

test("what was shared before times were kept counts from the beginning of its day", async () => {
  await own.database.pool.query(
    `insert into interaction.share (video_id, user_id, day, code) values (101, 5, '2026-01-01', 'old')`,
  );
  await own.database.pool.query("update interaction.video set shares = 1 where video_id = 101");
  await rebuild();
  clockMs = startMs + 24 * hourMs;
  expect(await store.top("shared", "24h", 9)).toEqual([{ videoId: "101", count: 1 }]);
  clockMs += 60_000;
  expect(await store.top("shared", "24h", 9)).toEqual([]);
  expect(await store.top("shared", "all", 9)).toEqual([{ videoId: "101", count: 1 }]);
});

test("rebuilt while people share, it equals the facts", async () => {
  const facts: Fact[] = [];
  const busy = Promise.all(
    Array.from({ length: 4 }, async (_, n) => {
      for (let i = 0; i < 20; i++)
        await add(facts, { ranking: "shared", videoId: videos[i % 4]!, userId: String(1000 + 100 * n + i) });
    }),
  );
  for (let i = 0; i < 8; i++) {
    // Locked as a whole: rows in whatever order could deadlock with those who share.
    await own.database.pool.query(`begin; lock table interaction.ranking_total in exclusive mode;
      update interaction.ranking_total set n = n + 5; commit`);
    await rebuild();
  }
  await busy;
  await compare(facts);
});
