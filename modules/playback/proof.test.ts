import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import { diskBlobStore } from "#platform/blob/disk-blob-store.ts";
import { findRebuild, rebuildKind, requestRebuild } from "#platform/jobs/rebuild.ts";
import { createLog } from "#platform/observe/log.ts";
import { drifts } from "#platform/testing/drifts.ts";
import { createModuleDatabase, type ModuleDatabase } from "#platform/testing/module-database.ts";
import { randomOf, testSeed } from "#platform/testing/random.ts";
import { archiveUses } from "./archive.ts";
import { countPlays } from "./count-plays.ts";
import { report } from "./handlers/report.ts";
import { keepHistory } from "./history-store.ts";
import { lateMs } from "./hour-closing.ts";
import { readPart } from "./lane-reader.ts";
import { laneWriter, type RawPlay } from "./lane-writer.ts";
import { migrations } from "./migrations.ts";
import { createPartitions, listPartitions, type Partitioned, partitionName } from "./partitions.ts";
import { playTokens } from "./play-tokens.ts";
import { describeProof, verifyArchive } from "./plays-command.ts";
import { rebuildViews } from "./rebuild-views.ts";
import { counts } from "./recount.ts";
import { parts } from "./rules.ts";
import { storePlays } from "./store-plays.ts";
import type { Tables } from "./tables.ts";
import { keepUp } from "./upkeep.ts";

const random = randomOf(testSeed("what is counted is proven"));
const hour = 3_600_000;
const day = 24 * hour;
const startMs = Date.UTC(2026, 0, 5);
const log = createLog("silent");
let own: ModuleDatabase<Tables>;
let append: ReturnType<typeof laneWriter>;

let blobs: BlobStore;
let folder: string;
let dir: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "douya-plays-"));
});
afterAll(() => rm(folder, { recursive: true }));

let nextId = 1_000;
beforeEach(async () => {
  own = await createModuleDatabase<Tables>("playback", "playback_1", migrations);
  dir = String(nextId);
  blobs = await diskBlobStore(join(folder, dir));
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
const upkeep = (nowMs: number, rawDays = 30) => keepUp({ db: own.db, blobs, rawDays, log }, nowMs);
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

test("what is of an hour that was closed too early holds up others once, and is refused alone then", async () => {
  const nowMs = Date.now();
  const earlyMs = nowMs - 2 * hour;
  await rows(
    `insert into playback.closed_hour (start_ms, closed_ms) values (${earlyMs - (earlyMs % hour)}, 0)`,
  );
  const tokens = playTokens("a secret of more than thirty-two bytes", new Map());
  const partitions = createPartitions(own.db);
  const tell = report({
    ...{ tokens, isClosed: partitions.isClosed, reportEveryMs: () => 1, refused: () => {} },
    store: storePlays(laneWriter(own.db, { next: () => String(nextId++) }, partitions), () => {}),
    watchable: async (ids) => new Map(ids.map((id) => [id, { authorId: "9", durationMs: 9_000 }])),
    entriesOf: { take: async () => {} },
    history: undefined as never,
  });
  const both = () =>
    Promise.allSettled(
      [earlyMs, nowMs].map((startedMs) => {
        const play = { videoId: "1", authorId: "9", userId: undefined, viewer: "7", durationMs: 9_000 };
        const token = tokens.issue({ ...play, startedMs, kept: false });
        const entry = { token, atMs: nowMs, positionMs: 0, watchedMs: 0, loops: 0, ended: false, picture: 0 };
        return tell({ entries: [{ ...entry, source: 0 }], today: "" } as never, { traceId: "1" } as never);
      }),
    );
  expect(await both()).toMatchObject([{ reason: { reason: "BUSY" } }, { reason: { reason: "BUSY" } }]);
  expect(await both()).toMatchObject([
    { value: { accepted: 0, refused: [{ reason: "PLAY_TOKEN_EXPIRED" }] } },
    { value: { accepted: 1 } },
  ]);
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
  await append(randomPlays(400, startMs, startMs + day), []);
  await count();
  await rows(`update playback.hour set plays = plays + 1 where start_ms = ${startMs + 2 * hour}`);
  await rows(`update playback.raw set loops = loops + 1
    where not own and started_ms >= ${startMs + 5 * hour} and started_ms < ${startMs + 6 * hour}`);
  await upkeep(startMs + 3 * day);
  const differing = await rows("select start_ms from playback.closed_hour where differences > 0 order by 1");
  expect(differing.map((row) => Number(row.start_ms) - startMs)).toEqual([2 * hour, 5 * hour]);
  expect(await rows("select from playback.closed_hour where differences = 0")).toHaveLength(22);
  await expect(describeProof(own.db)).rejects.toThrow(/differ.*2026-01-05T02, 2026-01-05T05/);
});

const partitionsOf = async (table: Partitioned) =>
  (await listPartitions(own.db, table)).map(({ startMs: at }) => at - startMs);

test("what is old is dropped by whole days and archived before; totals stay, and the archive says the same", async () => {
  await append(randomPlays(300, startMs, startMs + 2 * day), []);
  await count();
  const totals = await rows("select * from playback.total order by video_id, part");
  const views = await rows("select * from playback.day order by video_id, start_ms, part");
  await upkeep(startMs + 31 * day - 1);
  expect((await partitionsOf("raw")).length).toBeGreaterThan(24);
  expect(await partitionsOf("session")).toEqual([]);
  expect(await partitionsOf("minute")).toEqual([]);
  await upkeep(startMs + 31 * day);
  const left = await partitionsOf("raw");
  expect(left.every((at) => at >= day)).toBe(true);
  expect(left.length).toBeGreaterThan(0);
  expect(await drifts(own.database, counts)).toEqual([]);
  for (const table of ["total", "day"])
    expect(await rows(`select * from playback.${table} order by video_id, start_ms, part`)).toEqual(
      table === "total" ? totals : views,
    );
  const archived = await rows(
    "select start_ms, blob_key, rows from playback.closed_hour where dropped_ms is not null",
  );
  expect(archived.length + left.length).toBe((await closed()).length);
  const used = await archiveUses.list(own.db, "", 500);
  expect(used.map(({ key }) => key)).toEqual(archived.map((row) => row.blob_key).sort());
  for (const { start_ms } of archived)
    expect(await verifyArchive(own.db, blobs, Number(start_ms))).toMatchObject({ drifts: 0 });
  expect(await verifyArchive(own.db, blobs, startMs + day)).toBeUndefined();

  // A difference in what is kept is found from the archive too, and so is damage of the archive itself.
  const last = archived.at(-1)!;
  await rows(`update playback.hour set watch_ms = watch_ms + 1 where start_ms = ${last.start_ms}`);
  expect(await verifyArchive(own.db, blobs, Number(last.start_ms))).not.toMatchObject({ drifts: 0 });
  await rows(`update playback.closed_hour set rows = rows + 1 where start_ms = ${last.start_ms}`);
  expect(await verifyArchive(own.db, blobs, Number(last.start_ms))).toMatch(/has \d+ rows, not/);
  await blobs.remove(last.blob_key);
  expect(await verifyArchive(own.db, blobs, Number(last.start_ms))).toMatch(/is missing/);
  expect(await verifyArchive(own.db, blobs, Number(archived[0]!.start_ms))).toMatchObject({ drifts: 0 });
});

test("hours and archives end after a year, and what is closed stays closed", async () => {
  await append([told(startMs), told(startMs + day)], []);
  await count();
  await upkeep(startMs + 40 * day);
  const [first, second] = (await archiveUses.list(own.db, "", 10)).map(({ key }) => key);
  await upkeep(startMs + 430 * day);
  expect(await partitionsOf("hour")).toEqual([]);
  const kept = await archiveUses.list(own.db, "", 10);
  expect(kept).toHaveLength(1);
  const gone = kept[0]!.key === first ? second! : first!;
  expect(await blobs.size(gone)).toBeUndefined();
  expect(await blobs.size(kept[0]!.key)).toBeGreaterThan(0);
  await expect(append([told(startMs + 1)], [])).rejects.toMatchObject({ reason: "BUSY" });
  expect(await drifts(own.database, counts)).toEqual([]);
  const [{ plays }] = await rows("select sum(plays)::int as plays from playback.total");
  expect(plays).toBe(2);
});

test("it can end anywhere and is repeated", async () => {
  await append(randomPlays(100, startMs, startMs + day), []);
  await count();
  const expected = await rows("select * from playback.total order by video_id, part");
  const steps = ["size", "receive", "commit", "discard"] as const;
  const after = (failing: number) => {
    let calls = 0;
    const dying = { ...blobs } as BlobStore;
    for (const step of steps) {
      // biome-ignore lint/suspicious/noExplicitAny: of whichever of its functions.
      const real = blobs[step] as (...words: any[]) => Promise<any>;
      // Half of the time it is done, and the process ends before it knows.
      const isDone = random.chance(0.5);
      Object.assign(dying, {
        [step]: async (...words: unknown[]) => {
          if (++calls < failing) return real(...words);
          if (isDone && calls === failing) await real(...words);
          throw new Error("killed");
        },
      });
    }
    return dying;
  };
  for (let failing = 1; ; failing++) {
    const done = await keepUp(
      { db: own.db, blobs: after(failing), rawDays: 30, log },
      startMs + 40 * day,
    ).then(
      () => true,
      (error) => error.message !== "killed" && Promise.reject(error),
    );
    expect(await drifts(own.database, counts)).toEqual([]);
    if (done) break;
  }
  expect(await partitionsOf("raw")).toEqual([]);
  expect(await rows("select * from playback.total order by video_id, part")).toEqual(expected);
  for (const at of await closed())
    expect(await verifyArchive(own.db, blobs, startMs + at)).toMatchObject({ drifts: 0 });
  // Every blob is the archive of an hour.
  const files = (await readdir(join(folder, dir), { recursive: true })).filter((name) =>
    name.endsWith(".gz"),
  );
  expect(files.length).toBe((await archiveUses.list(own.db, "", 500)).length);
});

test("nobody waits for what is to be dropped while others read it", async () => {
  await append([told(startMs)], []);
  await count();
  const reader = await own.database.pool.connect();
  try {
    await reader.query("begin; select from playback.raw");
    await upkeep(startMs + 40 * day);
    expect(await partitionsOf("raw")).toEqual([0]);
    // Nothing of it is half done.
    expect(await rows("select from playback.retention_before")).toEqual([]);
    expect(await drifts(own.database, counts)).toEqual([]);
    await reader.query("rollback");
  } finally {
    reader.release(true);
  }
  await upkeep(startMs + 40 * day);
  expect(await partitionsOf("raw")).toEqual([]);
  expect(await drifts(own.database, counts)).toEqual([]);
});

test("positions are dropped when they are in the history, and lanes when all of them is read and they are left", async () => {
  const nowMs = Date.now();
  const position = {
    userId: "5",
    videoId: "1",
    part: 2,
    atMs: nowMs,
    positionMs: 9,
    picture: 0,
    ended: false,
  };
  await append([told(nowMs)], [position]);
  await count();
  await upkeep(nowMs + 4 * hour);
  expect(await partitionsOf("position")).toHaveLength(1);
  expect(await rows("select from playback.lane")).toHaveLength(1);
  for (let part = 0; part < parts; part++) await readPart(own.db, keepHistory, part);
  await upkeep(nowMs + 2 * hour - 1);
  expect(await rows("select from playback.lane")).toHaveLength(1);
  await upkeep(nowMs + 4 * hour);
  expect(await partitionsOf("position")).toEqual([]);
  expect(await rows("select from playback.lane")).toEqual([]);
  expect(await rows("select from playback.lane_offset")).toEqual([]);
  expect(await rows("select from playback.history")).toHaveLength(1);
  expect(await drifts(own.database, counts)).toEqual([]);
});

test("what is to be proven anew is not dropped before, though it had been proven when that began", async () => {
  await append(randomPlays(50, startMs, startMs + day), []);
  await count();
  // While the first archive is written, somebody has the views made anew.
  let isMade = false;
  const slow: BlobStore = {
    ...blobs,
    async commit(...words) {
      if (!isMade) {
        isMade = true;
        await rebuildAll();
      }
      return blobs.commit(...words);
    },
  };
  await keepUp({ db: own.db, blobs: slow, rawDays: 30, log }, startMs + 40 * day);
  await upkeep(startMs + 40 * day);
  expect(isMade).toBe(true);
  expect(
    await rows("select from playback.closed_hour where recounted_ms is null or differences > 0"),
  ).toEqual([]);
  expect(await partitionsOf("raw")).toEqual([]);
});

async function rebuildAll(): Promise<void> {
  const workers = own.jobs.work({ kinds: { [rebuildKind]: rebuildViews(own.db) }, concurrency: 1 });
  try {
    await requestRebuild(own.database.pool, "playback", "views");
    workers.wake();
    await expect.poll(() => findRebuild(own.database.pool, "playback", "views")).toBeUndefined();
  } finally {
    await workers.stop();
  }
}

test("several processes at once do it once", async () => {
  await append(randomPlays(200, startMs, startMs + day), []);
  await count();
  const jobs = Array.from({ length: 4 }, () => upkeep(startMs + 40 * day));
  await Promise.all(jobs);
  await upkeep(startMs + 40 * day);
  expect(await partitionsOf("raw")).toEqual([]);
  expect(await drifts(own.database, counts)).toEqual([]);
  for (const at of await closed())
    expect(await verifyArchive(own.db, blobs, startMs + at)).toMatchObject({ drifts: 0 });
});

test("nothing is dropped while the module is being moved into another database", async () => {
  await append([told(startMs)], []);
  await count();
  const name = `moving_${process.pid}`;
  await rows(`create publication ${name} for table playback.raw, playback.minute`);
  await rows(`select pg_create_logical_replication_slot('${name}', 'pgoutput')`);
  await upkeep(startMs + 40 * day);
  for (const table of ["raw", "minute"] as const) expect(await partitionsOf(table)).toHaveLength(1);
  await rows(`select pg_drop_replication_slot('${name}')`);
  await upkeep(startMs + 40 * day);
  for (const table of ["raw", "minute"] as const) expect(await partitionsOf(table)).toEqual([]);
});

test("views are built anew from what was told, while more is told and counted, and are the same", async () => {
  await append(randomPlays(150, startMs, startMs + day), []);
  await count();
  await upkeep(startMs + 32 * day);
  expect(await partitionsOf("raw")).toEqual([]);
  await append(randomPlays(150, startMs + 30 * day, startMs + 33 * day), []);
  await count();
  // A source that has lost its views to another one may have a row that says so.
  const tables = ["session", "minute", "hour", "day", "total", "source_day", "retention"];
  const all = async () => {
    const found: Record<string, unknown> = {};
    for (const table of tables)
      found[table] = await rows(`select t::text as row from playback.${table} t
        ${table === "source_day" ? "where views <> 0" : ""} order by 1`);
    return found;
  };
  const before = await all();
  const since = startMs + 30 * day;
  for (const table of ["minute", "hour", "day", "total"])
    await rows(`update playback.${table} set views = views + 5 where start_ms >= ${since} or start_ms = 0`);
  await rows(`delete from playback.session where video_id = 2`);
  await rows(`delete from playback.source_day where start_ms >= ${since} and source = 2`);
  await rows("update playback.retention set reached[5] = 77");
  await rebuildAll();
  expect(await all()).toEqual(before);
  expect(await drifts(own.database, counts)).toEqual([]);

  let isBuilding = true;
  const telling = (async () => {
    for (let i = 0; isBuilding || i < 5; i++) {
      await append(randomPlays(20, startMs + 30 * day, startMs + 33 * day), []);
      if (random.chance(0.7)) await count();
    }
  })();
  for (let i = 0; i < 2; i++) await rebuildAll();
  isBuilding = false;
  await telling;
  await count();
  expect(await drifts(own.database, counts)).toEqual([]);
  const counted = await all();
  await rebuildAll();
  expect(await all()).toEqual(counted);
});
