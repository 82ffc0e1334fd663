import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { reacted, shared, videoDeleted } from "#contracts/events.ts";
import { Ranking, RankingWindow } from "#contracts/gen/playback_pb.ts";
import { perCall, type Transaction } from "#platform/db/database.ts";
import { reset } from "#platform/events/admin/admin.ts";
import type { Consumer } from "#platform/events/consumer/consumer.ts";
import { createSnowflake } from "#platform/ids/snowflake.ts";
import { findRebuild, rebuildKind, requestRebuild } from "#platform/jobs/rebuild.ts";
import { drifts } from "#platform/testing/drifts.ts";
import { heldUp } from "#platform/testing/held-up.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import fc from "#platform/testing/property.ts";
import { projectRanked, rankedEvents } from "./consume-ranked.ts";
import { countPlays } from "./count-plays.ts";
import { consumeVideoDeletions } from "./erasure.ts";
import { erasureStore } from "./erasure-store.ts";
import { listRanking } from "./handlers/list-ranking.ts";
import { readPart } from "./lane-reader.ts";
import { laneWriter } from "./lane-writer.ts";
import { migrations } from "./migrations.ts";
import { createPartitions } from "./partitions.ts";
import { rankingCounts } from "./ranking-recount.ts";
import { type ListName, type RankingStore, rankingStore } from "./ranking-store.ts";
import { rebuildRankings } from "./rebuild-rankings.ts";
import { dayMs, hourMs, minuteMs, parts, startOf } from "./rules.ts";
import type { Tables } from "./tables.ts";

const startMs = Date.UTC(2026, 0, 1);
const group = "playback.rankings";
let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let clockMs = startMs;
let store: RankingStore;
let consumer: Consumer;
let deletions: Consumer;
let append: ReturnType<typeof laneWriter>;
let counting: ReturnType<typeof countPlays>;
let lastSession = 0;

beforeAll(async () => {
  own = await createModuleDatabase<Tables>("playback", "playback_1", migrations);
  store = rankingStore(own.db, () => clockMs);
  const partitions = createPartitions(own.db);
  append = laneWriter(own.db, createSnowflake({ node: 1, floorMs: 0, nowMs: () => Date.now() }), partitions);
  counting = countPlays({ partitions, maxViews: 10, also: (on, changes) => store.addPlays(on, changes) });
  consumer = own.events.consume<(typeof rankedEvents)[number]>({
    group,
    types: rankedEvents,
    handle: projectRanked({ addActs: (on, acts) => store.addActs(on, acts) }),
  });
  deletions = consumeVideoDeletions(
    own.events,
    perCall(own.db, (db) => erasureStore(db)),
    () => store,
  );
});
afterAll(async () => {
  await consumer.stop();
  await deletions.stop();
  await own.drop();
});

/** One showing of a video to somebody who is shown nothing else. */
interface Play {
  videoId: string;
  startedMs: number;
  session: string;
  viewed: boolean;
  ended: boolean;
  own: boolean;
}
interface Act {
  videoId: string;
  userId: string;
  kind: "like" | "share";
  atMs: number;
}
interface Told {
  plays: Play[];
  acts: Act[];
  gone: Set<string>;
}

const tell = (plays: Play[]) =>
  append(
    plays.map(({ viewed, ...play }) => ({
      ...play,
      viewer: play.session,
      part: Number(play.session) % parts,
      authorId: "1",
      durationMs: 10_000,
      source: 1,
      positionMs: 0,
      watchedMs: viewed ? 3_000 : 100,
      loops: 0,
    })),
    [],
  );
async function count() {
  await Promise.all(
    Array.from({ length: parts }, async (_, part) => {
      while ((await readPart(own.db, counting, part)) === "more");
    }),
  );
}
const emit = (write: (emit: Parameters<Parameters<typeof own.events.transaction>[1]>[1]) => void) =>
  own.events.transaction(own.db, async (_, emit) => write(emit));
async function rebuild() {
  for (let last: string | undefined = "0"; last !== undefined; ) last = await store.rebuildSome(last);
}

/** What a list says, added up one by one. */
function naive({ plays, acts, gone }: Told, list: ListName) {
  const counts = new Map<string, number>();
  const within = (atMs: number, bucketMs: number, windowMs: number) =>
    atMs >= startOf(clockMs, bucketMs) - windowMs ? 1 : 0;
  const add = (videoId: string, atMs: number, views: number, others: number) => {
    const times =
      list === "hot"
        ? [1, 6, 24].reduce((sum, hours) => sum + within(atMs, minuteMs, hours * hourMs), 0)
        : list === "viewed all"
          ? 1
          : list === "viewed 24h"
            ? within(atMs, minuteMs, dayMs)
            : within(atMs, hourMs, 7 * dayMs);
    const n = times * (list === "hot" ? views + others : views);
    if (n > 0 && !gone.has(videoId)) counts.set(videoId, (counts.get(videoId) ?? 0) + n);
  };
  for (const { videoId, startedMs, viewed, ended, own } of plays)
    if (!own) add(videoId, startOf(startedMs, minuteMs), viewed ? 1 : 0, ended ? 2 : 0);
  for (const { videoId, atMs, kind } of acts) add(videoId, atMs, 0, kind === "like" ? 8 : 12);
  return [...counts]
    .map(([id, count]) => ({ id, count }))
    .sort((a, b) => b.count - a.count || Number(b.id) - Number(a.id));
}
async function compare(told: Told) {
  await consumer.settled();
  await deletions.settled();
  for (const list of ["hot", "viewed 24h", "viewed 7d", "viewed all"] as const) {
    const expected = naive(told, list);
    for (const limit of [1, 50]) expect(await store.top(list, limit), list).toEqual(expected.slice(0, limit));
  }
  expect(await drifts(own.database, rankingCounts(sql.lit(clockMs)))).toEqual([]);
}

async function empty() {
  await consumer.settled();
  await deletions.settled();
  clockMs = startMs;
  await own.database.pool.query(
    `truncate playback.raw, playback.session, playback.minute, playback.hour, playback.day, playback.total,
      playback.source_day, playback.retention, playback.hot_act, playback.gone_video, playback.ranking_bucket,
      playback.ranking_total`,
  );
}

const video = fc.integer({ min: 101, max: 104 }).map(String);
const person = fc.integer({ min: 5, max: 7 }).map(String);
const play = fc.record({
  videoId: video,
  /** When it began: players tell for hours. */
  agoMs: fc.constantFrom(0, 1, 59_999, 59 * minuteMs, 5 * hourMs),
  viewed: fc.boolean(),
  ended: fc.boolean(),
  own: fc.integer({ min: 0, max: 9 }).map((n) => n === 0),
});
const only = <What extends string>(what: What) => fc.constant({ what });
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ what: fc.constant("play" as const), plays: fc.array(play, { maxLength: 6 }) }),
  },
  // More is told of what was told of, in parts that may be counted apart.
  {
    weight: 3,
    arbitrary: fc.record({
      what: fc.constant("go on" as const),
      which: fc.array(fc.nat(), { maxLength: 4 }),
    }),
  },
  {
    weight: 6,
    arbitrary: fc.record({
      what: fc.constantFrom("like" as const, "share" as const),
      videoId: video,
      userId: person,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      what: fc.constantFrom("withdraw" as const, "unshare" as const),
      videoId: video,
      userId: person,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      what: fc.constant("wait" as const),
      ms: fc.constantFrom(1, 59_999, minuteMs, hourMs, 5 * hourMs, 18 * hourMs, dayMs, 6 * dayMs),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ what: fc.constant("delete" as const), videoId: fc.constantFrom("101", "102") }),
  },
  { weight: 2, arbitrary: only("expire" as const) },
  { weight: 1, arbitrary: only("rebuild" as const) },
  { weight: 1, arbitrary: only("replay" as const) },
  { weight: 2, arbitrary: only("look" as const) },
);

test("equals a naive sum of what was watched, liked and shared, at any instant", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
      await empty();
      const told: Told = { plays: [], acts: [], gone: new Set() };
      const take = (videoId: string, userId: string, kind: Act["kind"]) => {
        const found = told.acts.filter(
          (act) => act.videoId === videoId && act.userId === userId && act.kind === kind,
        );
        told.acts = told.acts.filter((act) => !found.includes(act));
        return found.map(({ atMs }) => atMs);
      };
      for (const now of steps) {
        if (now.what === "wait") clockMs += now.ms;
        else if (now.what === "play") {
          const plays = now.plays.map(({ agoMs, ...one }) => ({
            ...one,
            startedMs: clockMs - agoMs,
            session: String(++lastSession),
          }));
          told.plays.push(...plays);
          await tell(plays);
          await count();
        } else if (now.what === "go on") {
          for (const i of now.which) {
            const one = told.plays[i % told.plays.length];
            if (one) Object.assign(one, { viewed: true, ended: i % 2 === 0 || one.ended });
          }
          await tell(told.plays);
          await count();
        } else if (now.what === "like" || now.what === "share") {
          const { what: kind, videoId, userId } = now;
          if (told.acts.some((act) => act.videoId === videoId && act.userId === userId && act.kind === kind))
            continue;
          told.acts.push({ videoId, userId, kind, atMs: clockMs });
          const of = { videoId, userId, atMs: clockMs };
          await emit((emit) =>
            kind === "like"
              ? emit(reacted, { ...of, authorId: "1", was: -1, now: 1 })
              : emit(shared, { ...of, change: 1, timesMs: [clockMs] }),
          );
        } else if (now.what === "withdraw" || now.what === "unshare") {
          const { videoId, userId } = now;
          const of = { videoId, userId, atMs: clockMs };
          const timesMs = take(videoId, userId, now.what === "withdraw" ? "like" : "share");
          if (timesMs.length > 0)
            await emit((emit) =>
              now.what === "withdraw"
                ? emit(reacted, { ...of, authorId: "1", was: 1, now: 0 })
                : emit(shared, { ...of, change: -timesMs.length, timesMs }),
            );
        } else if (now.what === "delete") {
          told.gone.add(now.videoId);
          await emit((emit) =>
            emit(videoDeleted, {
              videoId: now.videoId,
              authorId: "1",
              publishedAtMs: 1,
              blobKeys: [],
              was: 1,
            }),
          );
          await deletions.settled();
        } else if (now.what === "expire") await store.expire();
        else if (now.what === "rebuild") await rebuild();
        else if (now.what === "replay") await reset(own.database.pool, group, "start");
        else await compare(told);
      }
      await compare(told);
      // Nothing of this run is told once more in the next.
      await own.database.pool.query("delete from events.log");
    }),
    { numRuns: 20 },
  );
});

test("while it is built anew and expires, whatever is counted, liked and deleted at the same time is in it", async () => {
  await empty();
  clockMs = Date.now();
  const told: Told = { plays: [], acts: [], gone: new Set(["104", "105"]) };
  const { jobs } = own.join();
  const workers = jobs.work({ kinds: { [rebuildKind]: rebuildRankings(own.db) }, concurrency: 1 });
  let building = true;
  // The last of both come after all was built anew: what they find must be right.
  const players = (async () => {
    for (let more = true; more; ) {
      more = building;
      const plays = Array.from({ length: 40 }, (_, i) => ({
        videoId: String(101 + ((i + lastSession) % 60)),
        startedMs: clockMs - (i % 7) * 50 * minuteMs,
        session: String(++lastSession),
        viewed: i % 3 > 0,
        ended: i % 5 === 0,
        own: false,
      }));
      told.plays.push(...plays);
      await tell(plays);
      await count();
    }
  })();
  const likers = (async () => {
    for (let i = 0, more = true; more || i < 40; i++) {
      more = building;
      const [videoId, userId] = [String(101 + (i % 60)), String(1_000 + i)];
      told.acts.push({ videoId, userId, kind: "like", atMs: clockMs });
      await emit((emit) => emit(reacted, { videoId, userId, authorId: "1", was: 0, now: 1, atMs: clockMs }));
      if (i === 10 || i === 20)
        await emit((emit) =>
          emit(videoDeleted, {
            videoId: i === 10 ? "104" : "105",
            authorId: "1",
            publishedAtMs: 1,
            blobKeys: [],
            was: 1,
          }),
        );
    }
  })();
  const rebuilt = async () =>
    (await findRebuild(own.database.pool, "playback", "watched-rankings")) === undefined;
  for (let i = 0; i < 8; i++) {
    await own.database.pool.query(
      "update playback.ranking_total set n = n + 5 where video_id = 101 and list = 'viewed all'",
    );
    await requestRebuild(own.database.pool, "playback", "watched-rankings");
    workers.wake();
    await store.expire();
    await expect.poll(rebuilt).toBe(true);
  }
  building = false;
  await Promise.all([players, likers]);
  await workers.stop();
  await compare(told);
});

test("whoever changes rankings takes turns, so that two never deadlock, and readers wait for nobody", async () => {
  await empty();
  const figures = { viewers: 0, plays: 0, ownPlays: 0, watchMs: 0, completions: 0, skips: 0, loops: 0 };
  const play = { ...figures, videoId: "101", authorId: "1", startMs: clockMs, views: 1 };
  const like = { videoId: "101", userId: "5", kind: "like" as const, takenBack: false, timesMs: [clockMs] };
  const inOne = (work: (on: Transaction<Tables>) => Promise<void>) => () =>
    own.db.transaction().execute(work);
  const views = () => store.top("viewed all", 9);
  await inOne((on) => store.addPlays(on, [play]))();
  const writers = [
    inOne((on) => store.addPlays(on, [play])),
    inOne((on) => store.addActs(on, [like])),
    () => store.rebuildSome("0"),
    () => store.expire(),
    () => store.forget(["101"]),
  ];
  for (const write of writers) {
    const before = await views();
    expect(before).toHaveLength(1);
    const hold = "select pg_advisory_xact_lock(7083814)";
    const outcome = await heldUp(own.database.pool, hold, write, async () =>
      expect(await views()).toEqual(before),
    );
    expect(outcome).not.toBeInstanceOf(Error);
    // What was counted here is of no minute, so it is gone once all is made anew.
    if (write === writers[2]) await inOne((on) => store.addPlays(on, [play]))();
  }
  expect(await views()).toEqual([]);
});

test("a call says which list it wants, and gets no more than a thousand", async () => {
  await empty();
  await own.database.pool.query(
    "insert into playback.ranking_total select i, 'viewed all', i from generate_series(1, 1200) i",
  );
  const list = (ranking: Ranking, window: RankingWindow, limit: number) =>
    listRanking(perCall(own.db, (until) => rankingStore(until, () => clockMs)).reading)(
      { $typeName: "douya.playback.v1.ListRankingRequest", ranking, window, limit },
      { traceId: "0".repeat(32), deadlineMs: Number.MAX_SAFE_INTEGER, signal: new AbortController().signal },
    );
  const { videos } = await list(Ranking.VIEWED, RankingWindow.ALL, 2);
  expect(videos).toEqual([
    { videoId: "1200", count: 1200 },
    { videoId: "1199", count: 1199 },
  ]);
  expect((await list(Ranking.VIEWED, RankingWindow.ALL, 4_000_000_000)).videos).toHaveLength(1_000);
  expect((await list(Ranking.VIEWED, RankingWindow.ALL, 0)).videos).toEqual([]);
  expect((await list(Ranking.HOT, RankingWindow.ALL, 9)).videos).toEqual([]);
  for (const [ranking, window] of [
    [Ranking.UNSPECIFIED, RankingWindow.DAY],
    [Ranking.VIEWED, RankingWindow.UNSPECIFIED],
    [Ranking.HOT, RankingWindow.UNSPECIFIED],
    [7 as Ranking, RankingWindow.DAY],
    [Ranking.HOT, 7 as RankingWindow],
  ] as const)
    await expect(list(ranking, window, 9)).rejects.toMatchObject({ reason: "INVALID_ARGUMENT" });
});
