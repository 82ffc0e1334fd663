import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { drifts } from "#platform/testing/drifts.ts";
import { createModuleDatabase, type ModuleDatabase } from "#platform/testing/module-database.ts";
import { randomOf, testSeed } from "#platform/testing/random.ts";
import { countPlays } from "./count-plays.ts";
import { readPart } from "./lane-reader.ts";
import { laneWriter, type RawPlay } from "./lane-writer.ts";
import { migrations } from "./migrations.ts";
import { createPartitions } from "./partitions.ts";
import { counts } from "./recount.ts";
import { parts } from "./rules.ts";
import type { Tables } from "./tables.ts";

const random = randomOf(testSeed("what is counted is proven"));
const hour = 3_600_000;
const day = 24 * hour;
const startMs = Date.UTC(2026, 0, 5);
let own: ModuleDatabase<Tables>;
let append: ReturnType<typeof laneWriter>;

beforeAll(async () => {
  own = await createModuleDatabase<Tables>("playback", "proof", migrations);
});
afterAll(() => own?.drop());

let nextId = 1_000;
beforeEach(() => {
  append = laneWriter(own.db, { next: () => String(nextId++) }, createPartitions(own.db));
});

async function count(maxViews = 3) {
  const reading = countPlays({ partitions: createPartitions(own.db), maxViews, also: async () => {} });
  for (let part = 0; part < parts; part++) while ((await readPart(own.db, reading, part)) === "more");
}

function randomPlay(fromMs: number, toMs: number): RawPlay {
  const videoId = String(1 + random.below(3));
  const viewer = String(1 + random.below(3));
  const durationMs = { 1: 0, 2: 5_001, 3: 60_000 }[videoId]!;
  const startedMs = fromMs + random.below((toMs - fromMs) / 60_000) * 60_000;
  return {
    ...{ videoId, viewer, startedMs, durationMs },
    // Few, so that some sessions are told of several times.
    session: String(1 + random.below(2)),
    part: (Number(videoId) + Number(viewer)) % parts,
    authorId: "9",
    own: viewer === "1" && videoId === "1",
    source: random.below(4),
    positionMs: durationMs && random.below(durationMs),
    watchedMs: random.below(7_000),
    loops: random.chance(0.2) ? random.below(3) : 0,
    ended: random.chance(0.2),
  };
}
const randomPlays = (n: number, fromMs: number, toMs: number) =>
  Array.from({ length: n }, () => randomPlay(fromMs, toMs));

test("plain SQL counts the same, while it is counted, and finds what is changed on either side", async () => {
  for (let i = 0; i < 6; i++) {
    await append(randomPlays(60, startMs, startMs + 2 * day), []);
    if (random.chance(0.7)) await count();
    expect(await drifts(own.database, counts)).toEqual([]);
  }
  await count();
  expect(await drifts(own.database, counts)).toEqual([]);
  const { rows } = await own.database.pool.query("select sum(views)::int as views from playback.total");
  expect(rows[0].views).toBeGreaterThan(10);

  const damage: [table: string, what: string, found: RegExp][] = [
    ["hour", "update playback.hour set loops = loops + 1", /^plays by the hour/],
    ["minute", "update playback.minute set skips = skips + 1", /^hours, by the minute/],
    ["day", "update playback.day set views = views - 1", /^days, by the hour/],
    ["total", "update playback.total set own_plays = own_plays + 1", /^figures of all time/],
    ["source_day", "update playback.source_day set views = views + 2", /^views, by where/],
    ["retention", "update playback.retention set reached[1] = reached[1] + 1", /^how far/],
    ["raw", "update playback.raw set watched_ms = watched_ms + 9000", /^plays by the hour/],
    ["raw", "delete from playback.raw where video_id = 3", /^plays by the hour/],
    ["day_rule", "update playback.day_rule set views_per_viewer = 1", /^plays by the hour/],
  ];
  const { pool } = own.database;
  for (const [table, what, found] of damage) {
    await pool.query(`create table public.saved as table playback.${table}; ${what}`);
    expect((await drifts(own.database, counts)).join("\n"), what).toMatch(found);
    await pool.query(
      `truncate playback.${table}; insert into playback.${table} table public.saved; drop table public.saved`,
    );
    expect(await drifts(own.database, counts)).toEqual([]);
  }
});
