import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createSnowflake } from "#platform/ids/snowflake.ts";
import { createModuleDatabase, type ModuleDatabase } from "#platform/testing/module-database.ts";
import fc from "#platform/testing/property.ts";
import { countPlays } from "./count-plays.ts";
import { readPart } from "./lane-reader.ts";
import { type AppendToLane, laneWriter, type RawPlay } from "./lane-writer.ts";
import { migrations } from "./migrations.ts";
import { createPartitions } from "./partitions.ts";
import type { FiguresChange } from "./play-changes.ts";
import {
  dayMs,
  hourMs,
  mergeSession,
  minuteMs,
  type PlaySession,
  parts,
  sharesOf,
  startOf,
} from "./rules.ts";
import type { Tables } from "./tables.ts";

const midnightMs = Date.UTC(2026, 10, 30);
const maxViews = 3;

let own: ModuleDatabase<Tables>;
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("playback", "playback_1", migrations);
});
afterAll(() => own?.drop());
beforeEach(async () => {
  await own.database.pool.query(`
    truncate playback.raw, playback.lane, playback.lane_offset, playback.session, playback.minute, playback.hour,
      playback.day, playback.total, playback.source_day, playback.retention`);
});

const ids = createSnowflake({ node: 1, floorMs: 0, nowMs: Date.now });
function play(more: Partial<RawPlay> = {}): RawPlay {
  return {
    ...{ startedMs: midnightMs, videoId: "1", viewer: "2", session: "3", part: 0, authorId: "4", own: false },
    ...{ durationMs: 10_000, source: 1, positionMs: 3_000, watchedMs: 3_000, loops: 0, ended: false },
    ...more,
  };
}

const changes: FiguresChange[] = [];
const reading = () =>
  countPlays({
    partitions: createPartitions(own.db),
    maxViews,
    also: async (_on, more) => void changes.push(...more),
  });
async function countAll(): Promise<void> {
  for (let part = 0; part < parts; part++) while ((await readPart(own.db, reading(), part)) === "more");
}
const query = async <Row>(text: string) => (await own.database.pool.query(text)).rows as Row[];
const figuresOf = (table: string) =>
  query(`
    select video_id, start_ms, sum(views)::int as views, sum(viewers)::int as viewers, sum(plays)::int as plays,
      sum(own_plays)::int as own, sum(watch_ms)::int as watch, sum(completions)::int as completions,
      sum(skips)::int as skips, sum(loops)::int as loops
    from playback.${table} group by 1, 2
    having sum(plays) + sum(own_plays) <> 0 order by 1, 2`);

test("what is told twice, late or in another order counts once, at the time at which the session began", async () => {
  const append = laneWriter(own.db, ids, createPartitions(own.db));
  await append([play({ watchedMs: 1_000, positionMs: 900 })], []);
  await countAll();
  expect(await figuresOf("total")).toMatchObject([{ views: 0, plays: 1, skips: 1, watch: 1_000 }]);
  await append([play({ watchedMs: 5_000 }), play({ watchedMs: 5_000 })], []);
  await append([play({ watchedMs: 2_000 })], []);
  await countAll();
  const all = { views: 1, viewers: 1, plays: 1, own: 0, watch: 5_000, completions: 0, skips: 0, loops: 0 };
  for (const table of ["minute", "hour", "day"])
    expect(await figuresOf(table)).toEqual([{ video_id: "1", start_ms: String(midnightMs), ...all }]);
  expect(await figuresOf("total")).toEqual([{ video_id: "1", start_ms: "0", ...all }]);
  expect(await query("select source, views::int from playback.source_day")).toEqual([
    { source: 1, views: 1 },
  ]);
  const [kept] = await query<{ reached: string[] }>("select reached from playback.retention");
  expect(kept!.reached.flatMap((n, percent) => (n === "0" ? [] : [[percent, n]]))).toEqual([[30, "1"]]);
  // What else is made of it is told the same differences.
  expect(changes.reduce((sum, { views }) => sum + views, 0)).toBe(1);
});

test("nothing is skipped where a batch fails, and where its answer is lost nothing is counted twice", async () => {
  const partitions = createPartitions(own.db);
  const append = laneWriter(own.db, ids, partitions);
  await append([play()], []);
  // A number that is none: the statement fails.
  await expect(append([play({ viewer: "x" })], [])).rejects.toThrow();
  await append([play({ viewer: "5", session: "6" })], []);
  await countAll();
  // Told again, since nobody knows whether it was stored.
  await append([play({ viewer: "5", session: "6" })], []);
  await countAll();
  expect(await figuresOf("total")).toMatchObject([{ views: 2, plays: 2 }]);
  expect(await query("select lane from playback.lane")).toHaveLength(2);
});

test("a part that another process reads is left to it, and found afterwards", async () => {
  const append = laneWriter(own.db, ids, createPartitions(own.db));
  await append([play()], []);
  await own.db.transaction().execute(async (other) => {
    await other
      .selectFrom("part" as never)
      .selectAll()
      .forUpdate()
      .execute();
    expect(await readPart(own.db, reading(), 0)).toBe("busy");
  });
  expect(await readPart(own.db, reading(), 0)).toBe("done");
  expect(await figuresOf("total")).toMatchObject([{ views: 1 }]);
});

test("more than one page of a lane, and several lanes", async () => {
  const writers = [1, 2, 3].map(() => laneWriter(own.db, ids, createPartitions(own.db)));
  const count = 6_000;
  await Promise.all(
    writers.map((append, w) =>
      append(
        Array.from({ length: count }, (_, i) => play({ viewer: String(w * count + i + 1), part: 1 })),
        [],
      ),
    ),
  );
  expect(await readPart(own.db, reading(), 1)).toBe("more");
  expect(await readPart(own.db, reading(), 1)).toBe("done");
  expect(await figuresOf("total")).toMatchObject([{ views: 3 * count, viewers: 3 * count }]);
});

const toldSession = fc.record({
  video: fc.integer({ min: 1, max: 3 }),
  viewer: fc.integer({ min: 1, max: 4 }),
  minute: fc.integer({ min: 0, max: 26 * 60 }),
  durationMs: fc.constantFrom(0, 2_000, 60_000),
  own: fc.constantFrom(false, false, false, true),
  told: fc.array(
    fc.record({
      watchedMs: fc.integer({ min: 0, max: 8_000 }),
      share: fc.integer({ min: 0, max: 100 }),
      loops: fc.constantFrom(0, 0, 0, 2),
      ended: fc.boolean(),
      source: fc.integer({ min: 0, max: 3 }),
    }),
    { minLength: 1, maxLength: 4 },
  ),
});

test("by several writers and readers at once, in any order, everything is as if it were counted at once", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(toldSession, { minLength: 1, maxLength: 30 }),
      fc.array(fc.nat(), { minLength: 1, maxLength: 200 }),
      async (sessions, dice) => {
        await own.database.pool.query(`
          truncate playback.raw, playback.lane, playback.lane_offset, playback.session, playback.minute, playback.hour,
            playback.day, playback.total, playback.source_day, playback.retention`);
        let thrown = 0;
        const roll = (sides: number) => dice[thrown++ % dice.length]! % sides;
        const all = sessions.flatMap(({ video, viewer, minute, durationMs, own, told }, i) =>
          told.map((one) =>
            play({
              ...{ videoId: String(video), viewer: String(viewer), session: String(i + 1), durationMs, own },
              startedMs: midnightMs + minute * minuteMs,
              part: (video + viewer) % parts,
              positionMs: Math.floor((durationMs * one.share) / 100),
              ...{ watchedMs: one.watchedMs, loops: one.loops, ended: one.ended, source: one.source },
            }),
          ),
        );
        // Some again, in another order.
        const sent = [...all, ...all.filter(() => roll(3) === 0)].sort(() => roll(3) - 1);
        const writers = [1, 2].map(() => laneWriter(own.db, ids, createPartitions(own.db)));
        await Promise.all([
          ...writers.map(async (append: AppendToLane, w) => {
            const mine = sent.filter((_, i) => i % 2 === w);
            while (mine.length > 0) await append(mine.splice(0, 1 + roll(5)), []);
          }),
          ...[1, 2].map(async () => {
            for (let i = 0; i < 6; i++) await readPart(own.db, reading(), roll(parts));
          }),
        ]);
        await countAll();
        for (const [table, spanMs] of [
          ["minute", minuteMs],
          ["hour", hourMs],
          ["day", dayMs],
          ["total", Number.MAX_SAFE_INTEGER],
        ] as const)
          expect(await figuresOf(table), table).toEqual(model(all, spanMs));
      },
    ),
    { numRuns: 15 },
  );
});

/** What `figuresOf` gives. */
function model(all: RawPlay[], spanMs: number) {
  const sessions = new Map<string, PlaySession>();
  for (const { part: _, positionMs, ...one } of all) {
    const session = { ...one, furthestMs: positionMs };
    const before = sessions.get(one.session);
    sessions.set(one.session, before ? mergeSession(before, session) : session);
  }
  const groups = new Map<string, PlaySession[]>();
  for (const one of sessions.values()) {
    const key = `${one.videoId} ${one.viewer} ${startOf(one.startedMs, dayMs)}`;
    groups.set(key, [...(groups.get(key) ?? []), one]);
  }
  const sums = new Map<string, Record<string, number | string>>();
  for (const group of groups.values())
    for (const share of sharesOf(group, maxViews)) {
      const { videoId } = group[0]!;
      const startMs = startOf(share.startedMs, spanMs);
      const key = `${videoId} ${startMs}`;
      const { views = 0, viewers = 0, plays = 0, own = 0, watch = 0, ...rest } = sums.get(key) ?? {};
      const { completions = 0, skips = 0, loops = 0 } = rest;
      const sum = (a: number | string, b: number) => Number(a) + b;
      sums.set(key, {
        ...{ video_id: videoId, start_ms: String(startMs), views: sum(views, share.views) },
        ...{
          viewers: sum(viewers, share.viewers),
          plays: sum(plays, share.plays),
          own: sum(own, share.ownPlays),
        },
        ...{ watch: sum(watch, share.watchMs), completions: sum(completions, share.completions) },
        ...{ skips: sum(skips, share.skips), loops: sum(loops, share.loops) },
      });
    }
  return [...sums.values()].sort(
    (a, b) => Number(a.video_id) - Number(b.video_id) || Number(a.start_ms) - Number(b.start_ms),
  );
}
