import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { accountErased, videoDeleted } from "#contracts/events.ts";
import type { Emit } from "#platform/events/event-type.ts";
import { heldUp, waiting } from "#platform/testing/held-up.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { countPlays } from "./count-plays.ts";
import { consumeErasures, consumeVideoDeletions } from "./erasure.ts";
import { erasureStore } from "./erasure-store.ts";
import { historyStore, keepHistory } from "./history-store.ts";
import { readPart } from "./lane-reader.ts";
import { laneWriter, type RawPlay, type RawPosition } from "./lane-writer.ts";
import { migrations } from "./migrations.ts";
import { createPartitions } from "./partitions.ts";
import { rankingStore } from "./ranking-store.ts";
import { dayMs, parts } from "./rules.ts";
import type { Tables } from "./tables.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let lastId = 0;
const [eve, ben, author] = ["500", "501", "1"];
const [video, other] = ["101", "102"];
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("playback", "playback_1", migrations);
});
afterAll(() => own.drop());
beforeEach(async () => {
  await own.database.pool.query(
    `truncate ${[...tables, "raw", "lane", "lane_offset", "gone_video", "person"].map((table) => `playback.${table}`).join()}`,
  );
});

/** What is kept of a video, and how many rows of it are left. */
const tables = [
  ...["minute", "hour", "day", "total", "source_day", "retention", "session", "history", "position"],
  "followers",
];
const rowsOf = async (table: string, where: string) =>
  (await own.database.pool.query(`select from playback.${table} where ${where}`)).rows.length;
async function left(where: string, of: string[]): Promise<Record<string, number>> {
  const found: [string, number][] = [];
  for (const table of of) found.push([table, await rowsOf(table, where)]);
  return Object.fromEntries(found.filter(([, rows]) => rows > 0));
}
const ofVideo = tables.filter((table) => table !== "position" && table !== "followers");

const startedMs = Date.now();
const play = (videoId: string, more: Partial<RawPlay> = {}): RawPlay => ({
  ...{ startedMs, videoId, viewer: String(++lastId), session: String(++lastId), part: 0, authorId: author },
  ...{
    own: false,
    durationMs: 10_000,
    source: 1,
    positionMs: 5_000,
    watchedMs: 5_000,
    loops: 0,
    ended: false,
  },
  ...more,
});
const position = (userId: string, videoId: string): RawPosition => ({
  ...{ userId, videoId, part: 0, atMs: startedMs, positionMs: 5, picture: 0, ended: false },
});
const append = (plays: RawPlay[], positions: RawPosition[] = []) =>
  laneWriter(own.db, { next: () => String(++lastId) } as never, createPartitions(own.db))(plays, positions);

const plays = () => countPlays({ partitions: createPartitions(own.db), maxViews: 10, also: async () => {} });
async function fold(): Promise<void> {
  for (let part = 0; part < parts; part++) {
    await readPart(own.db, plays(), part);
    await readPart(own.db, keepHistory, part);
  }
}

async function hear(tell: (emit: Emit) => void): Promise<void> {
  // Pieces of a few rows.
  const store = () => erasureStore(own.db, 3);
  const rankings = () => rankingStore(own.db, Date.now);
  const consumers = [consumeVideoDeletions(own.events, store, rankings), consumeErasures(own.events, store)];
  await own.events.transaction(own.db, async (_transaction, emit) => tell(emit));
  for (const consumer of consumers) {
    await consumer.settled();
    await consumer.stop();
  }
}
const deletion = { videoId: video, authorId: author, publishedAtMs: 1 };
const deleteVideo = () => hear((emit) => emit(videoDeleted, deletion));
const erase = (userId: string) => hear((emit) => emit(accountErased, { userId, closingId: "1", atMs: 1 }));

test("all that was counted of a deleted video goes, in pieces; others keep theirs", async () => {
  // Over several days, and by more viewers than one piece has.
  for (const videoId of [video, other]) {
    const many = Array.from({ length: 20 }, (_, i) =>
      play(videoId, { startedMs: startedMs - i * dayMs, part: i % 4 }),
    );
    await append(
      many,
      Array.from({ length: 10 }, (_, i) => position(String(600 + i), videoId)),
    );
  }
  await fold();
  expect(Object.keys(await left(`video_id = ${video}`, ofVideo))).toEqual(ofVideo);
  const before = await left(`video_id = ${other}`, ofVideo);
  await deleteVideo();
  expect(await left(`video_id = ${video}`, ofVideo)).toEqual({});
  expect(await left(`video_id = ${other}`, ofVideo)).toEqual(before);
  // The same again changes nothing.
  await deleteVideo();
  expect(await left(`video_id = ${other}`, ofVideo)).toEqual(before);
});

test("what was told before and is counted after brings nothing of a deleted video back", async () => {
  await append([play(video), play(other)], [position(eve, video), position(eve, other)]);
  await deleteVideo();
  await fold();
  expect(await left(`video_id = ${video}`, ofVideo)).toEqual({});
  expect(await left(`video_id = ${other}`, ofVideo)).toMatchObject({ total: 1, history: 1 });
});

test.each([
  ["plays", "lock playback.total", () => readPart(own.db, plays(), 0)],
  ["positions", "lock playback.history", () => readPart(own.db, keepHistory, 0)],
])("%s that are being counted meanwhile go too", async (_what, hold, late) => {
  await append([play(video)], [position(eve, video)]);
  let deleting: Promise<void> | undefined;
  await heldUp(own.database.pool, hold, late, async () => {
    deleting = deleteVideo();
    // It waits for who counts.
    await waiting(own.database.pool, 2);
  });
  await deleting;
  expect(await left(`video_id = ${video}`, ofVideo)).toEqual({});
});
test("what a deleted person watched goes, and nothing of it comes back", async () => {
  const history = historyStore(own.db);
  const today = new Date().toISOString().slice(0, 10);
  const videos = Array.from({ length: 10 }, (_, i) => String(101 + i));
  const watched = [eve, ben].flatMap((userId) => videos.map((videoId) => position(userId, videoId)));
  await append([], watched);
  await fold();
  await history.remove(eve, "150", Date.now());
  await history.isFirstOn(eve, today);
  await own.database.pool.query(
    `insert into playback.followers select unnest(array[${eve}, ${ben}]), 60000, i, 1 from generate_series(1, 10) i`,
  );
  // Told before, and kept in no history yet.
  await append([], [position(eve, "200"), position(ben, "200")]);
  await erase(eve);
  expect(await left(`user_id = ${eve}`, ["history", "position"])).toEqual({});
  expect(await left(`author_id = ${eve}`, ["followers"])).toEqual({});
  expect(await left(`author_id = ${ben}`, ["followers"])).toEqual({ followers: 10 });

  await append([], [position(eve, "201")]);
  await fold();
  await history.remove(eve, "150", Date.now());
  await history.pause(eve, true);
  await history.clear(eve, Date.now());
  expect(await history.isFirstOn(eve, "2999-01-01")).toBe(false);
  expect(await left(`user_id = ${eve}`, ["history"])).toEqual({});
  const { rows } = await own.database.pool.query(`select * from playback.person where user_id = ${eve}`);
  expect(rows).toEqual([{ user_id: eve, paused: false, cleared_ms: "0", watched_on: null, gone: true }]);
  expect(await left(`user_id = ${ben}`, ["history"])).toEqual({ history: videos.length + 1 });
});

test.each([
  ["kept", (_userId: string) => readPart(own.db, keepHistory, 0)],
  ["removed", (userId: string) => historyStore(own.db).remove(userId, video, Date.now())],
])("what is being %s of a person meanwhile goes too", async (_what, late) => {
  await append([], [position(eve, video)]);
  // Nobody else sees this row yet, so who does not wait for the person's has nothing to remove.
  const hold = `insert into playback.history (user_id, video_id, at_ms, position_ms, picture, ended) values (${eve}, ${video}, 1, 1, 0, false)`;
  let erasing: Promise<void> | undefined;
  await heldUp(
    own.database.pool,
    hold,
    () => late(eve),
    async () => {
      erasing = erase(eve);
      await waiting(own.database.pool, 2);
    },
  );
  await erasing;
  expect(await left(`user_id = ${eve}`, ["history"])).toEqual({});
});
