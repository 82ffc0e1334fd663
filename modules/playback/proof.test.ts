import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import { diskBlobStore } from "#platform/blob/disk-blob-store.ts";
import { createLog } from "#platform/observe/log.ts";
import { drifts } from "#platform/testing/drifts.ts";
import { createModuleDatabase, type ModuleDatabase } from "#platform/testing/module-database.ts";
import { randomOf, testSeed } from "#platform/testing/random.ts";
import { countPlays } from "./count-plays.ts";
import { lateMs } from "./hour-closing.ts";
import { readPart } from "./lane-reader.ts";
import { laneWriter, type RawPlay } from "./lane-writer.ts";
import { migrations } from "./migrations.ts";
import { createPartitions, partitionName } from "./partitions.ts";
import { describeProof } from "./plays-command.ts";
import { counts } from "./recount.ts";
import { parts } from "./rules.ts";
import type { Tables } from "./tables.ts";
import { keepUp } from "./upkeep.ts";

const random = randomOf(testSeed("what is counted is proven"));
const hour = 3_600_000;
const day = 24 * hour;
const startMs = Date.UTC(2026, 0, 5);
let own: ModuleDatabase<Tables>;
let append: ReturnType<typeof laneWriter>;

let blobs: BlobStore;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "douya-plays-"));
});
afterAll(() => rm(folder, { recursive: true }));

let nextId = 1_000;
beforeEach(async () => {
  own = await createModuleDatabase<Tables>("playback", "proof_4", migrations);
  blobs = await diskBlobStore(join(folder, String(nextId)));
  append = laneWriter(own.db, { next: () => String(nextId++) }, createPartitions(own.db));
});

async function count(maxViews = 3) {
  const reading = countPlays({ partitions: createPartitions(own.db), maxViews, also: async () => {} });
  for (let part = 0; part < parts; part++) while ((await readPart(own.db, reading, part)) === "more");
}

afterEach(() => own.drop());

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

const told = (startedMs: number, watchedMs = 5_000): RawPlay => ({
  ...{ videoId: "1", viewer: "7", startedMs, durationMs: 60_000, session: String(nextId++), part: 0 },
  ...{ authorId: "9", own: false, source: 1, positionMs: 6_000, watchedMs, loops: 0, ended: false },
});
const rows = async (statement: string) => (await own.database.pool.query(statement)).rows;
const upkeep = (nowMs: number, rawDays = 30) =>
  keepUp({ db: own.db, blobs, rawDays, log: createLog("silent") }, nowMs);
const closed = async () =>
  (await rows("select start_ms from playback.closed_hour order by 1")).map(
    (row) => Number(row.start_ms) - startMs,
  );

test("an hour is closed when nobody can tell of it and all of it is counted, each after those before it", async () => {
  await append([told(startMs), told(startMs + 3 * hour)], []);
  await upkeep(startMs + 7 * hour + lateMs);
  expect(await closed()).toEqual([]);
  await count();
  await upkeep(startMs + 7 * hour + lateMs - 1);
  expect(await closed()).toEqual([]);
  await upkeep(startMs + 7 * hour + lateMs);
  expect(await closed()).toEqual([0]);
  // Whoever comes with more is refused, in that hour and in those before it, and spoils no lane.
  for (const lateMs of [startMs + 1, startMs - hour])
    await expect(append([told(lateMs)], [])).rejects.toMatchObject({ reason: "BUSY" });
  await append([told(startMs + 3 * hour + 1)], []);
  await upkeep(startMs + 2 * day);
  expect(await closed()).toEqual([0]);
  await count();
  await upkeep(startMs + 2 * day);
  expect(await closed()).toEqual([0, 3 * hour]);
  expect(await drifts(own.database, counts)).toEqual([]);
});

test("whoever writes while an hour is being closed is waited for, or closes it later", async () => {
  await append([told(startMs)], []);
  await count();
  const writer = await own.database.pool.connect();
  try {
    await writer.query("begin; lock table playback.raw in row exclusive mode");
    await writer.query(`lock table playback.${partitionName("raw", startMs)} in row exclusive mode`);
    await upkeep(startMs + day);
    expect(await closed()).toEqual([]);
    await writer.query("rollback");
  } finally {
    writer.release(true);
  }
  await upkeep(startMs + day);
  expect(await closed()).toEqual([0]);
});

test("each closed hour is counted once more, and a difference is kept and told, whichever side is wrong", async () => {
  await append(randomPlays(300, startMs, startMs + day), []);
  await count();
  await rows(
    `update playback.hour set plays = plays + 1 where start_ms = ${startMs + 2 * hour} and part = 1`,
  );
  await rows(`update playback.raw set watched_ms = watched_ms + 1
    where not own and started_ms >= ${startMs + 5 * hour} and started_ms < ${startMs + 6 * hour}`);
  await upkeep(startMs + 3 * day);
  const differing = await rows("select start_ms from playback.closed_hour where differences > 0 order by 1");
  expect(differing.map((row) => Number(row.start_ms) - startMs)).toEqual([2 * hour, 5 * hour]);
  expect(await rows("select from playback.closed_hour where differences = 0")).toHaveLength(22);
  await expect(describeProof(own.db)).rejects.toThrow(/differ.*2026-01-05T02, 2026-01-05T05/);
});
