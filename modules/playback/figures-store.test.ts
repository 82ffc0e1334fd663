import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { addFigures, type ChangeOf } from "./add-figures.ts";
import { figuresStore, figureWindows, firstMs } from "./figures-store.ts";
import { migrations } from "./migrations.ts";
import { createPartitions } from "./partitions.ts";
import { dayMs, hourMs, minuteMs, retentionOf } from "./rules.ts";
import type { Tables } from "./tables.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("playback", "playback_1", migrations);
});
afterAll(() => own.drop());
beforeEach(async () => {
  await own.database.pool.query(
    "truncate playback.minute, playback.hour, playback.day, playback.total, playback.source_day, playback.retention",
  );
});

const nowMs = Date.UTC(2026, 10, 30, 15, 20, 30);
const [ada, ben] = ["1", "2"];
const store = () => figuresStore(own.db);
const names = ["views", "likes"] as const;
type Change = ChangeOf<(typeof names)[number]>;
const change = (videoId: string, startMs: number, views: number, authorId = ada): Change => ({
  ...{ videoId, authorId, startMs: startMs - (startMs % minuteMs), views, likes: -1 },
});

async function add(part: number, changes: Change[]): Promise<void> {
  const partitions = createPartitions(own.db);
  const times = changes.map(({ startMs }) => startMs);
  for (const table of ["minute", "hour"] as const) await partitions.ensure(table, times);
  await own.db.transaction().execute((on) => addFigures(on, part, names, changes));
}

const look = async (scope: { videoId: string } | { authorId: string }, name: keyof typeof figureWindows) => {
  const window = figureWindows[name];
  const { series, videos } = await store().sums(scope, window, firstMs(window, nowMs));
  return {
    series: series.map(({ startMs, sums }) => [startMs, sums.views, sums.likes]),
    videos: videos.map(({ videoId, sums }) => [videoId, sums.views]),
  };
};

test("windows slide: of a day 1,440 minutes, of four weeks 672 hours, of all time each day; parts are summed", async () => {
  const firstMinute = Date.UTC(2026, 10, 29, 15, 21);
  const firstHour = Date.UTC(2026, 10, 2, 16);
  const changes = [nowMs, firstMinute, firstMinute - 1, firstHour, firstHour - 1].map((atMs) =>
    change("101", atMs, 1),
  );
  await add(0, changes);
  // The same minute twice in one batch, and one that takes back.
  await add(4, [change("101", nowMs, 2), change("101", nowMs, 3), change("101", firstMinute, -1)]);
  await add(0, [change("102", nowMs, 50, ben)]);
  const minute = nowMs - (nowMs % minuteMs);
  for (const scope of [{ videoId: "101" }, { authorId: ada }]) {
    expect((await look(scope, "24h")).series).toEqual([
      [firstMinute, 0, -2],
      [minute, 6, -3],
    ]);
    expect((await look(scope, "28d")).series).toEqual([
      [firstHour, 1, -1],
      [firstMinute - (firstMinute % hourMs), 1, -3],
      [nowMs - (nowMs % hourMs), 6, -3],
    ]);
    const { series } = await look(scope, "all");
    expect(series.reduce((sum, [, views]) => sum + views!, 0)).toBe(9);
    // The first hour that is shown and the one before are of one day.
    expect(series).toHaveLength(3);
  }
});

test("of an author the 20 most viewed of the window are shown", async () => {
  const many = Array.from({ length: 30 }, (_, i) => change(String(200 + i), nowMs, i));
  await add(1, [...many, change("300", nowMs - 2 * dayMs, 1_000), change("301", nowMs, 99, ben)]);
  await add(2, [change("210", nowMs, 100)]);
  const { videos } = await look({ authorId: ada }, "24h");
  expect(videos).toHaveLength(20);
  expect(videos.slice(0, 3)).toEqual([
    ["210", 110],
    ["229", 29],
    ["228", 28],
  ]);
  expect((await look({ authorId: ada }, "28d")).videos[0]).toEqual(["300", 1_000]);
  expect((await look({ videoId: "210" }, "24h")).videos).toEqual([]);
});

test("sources are those of the whole days that the window touches", async () => {
  const day = nowMs - (nowMs % dayMs);
  await own.database.pool.query(
    `insert into playback.source_day (video_id, start_ms, source, part, author_id, views)
     select 101, ${day} - ${dayMs}::int8 * i, 1 + i % 2, part, 1, 1 from generate_series(0, 2) i, generate_series(0, 3) part`,
  );
  const since = firstMs(figureWindows["24h"], nowMs);
  for (const scope of [{ videoId: "101" }, { authorId: ada }])
    expect((await store().sources(scope, since)).sort((a, b) => a.source - b.source)).toEqual([
      { source: 1, views: 4 },
      { source: 2, views: 4 },
    ]);
  expect(await store().sources({ authorId: ben }, 0)).toEqual([]);
});

test("the curve of a video falls where it was left", async () => {
  expect(retentionOf(await store().reached("101"))).toEqual([]);
  const reached = (at: Record<number, number>) =>
    `{${Array.from({ length: 101 }, (_, i) => at[i] ?? 0).join()}}`;
  await own.database.pool.query(
    "insert into playback.retention values (101, 0, $1), (101, 3, $2), (102, 0, $2)",
    [reached({ 0: 1, 50: 2 }), reached({ 50: 1, 100: 4 })],
  );
  const curve = retentionOf(await store().reached("101"));
  expect(curve).toHaveLength(101);
  expect([0, 1, 50, 51, 100].map((percent) => curve[percent])).toEqual([100, 87.5, 87.5, 50, 50]);
});
