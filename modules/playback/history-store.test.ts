import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createModuleDatabase, type ModuleDatabase } from "#platform/testing/module-database.ts";
import { historyStore, keepHistory, partOf } from "./history-store.ts";
import { readPart } from "./lane-reader.ts";
import { laneWriter } from "./lane-writer.ts";
import { migrations } from "./migrations.ts";
import { createPartitions } from "./partitions.ts";
import type { Tables } from "./tables.ts";

let own: ModuleDatabase<Tables>;
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("playback", "playback_1", migrations);
});
afterAll(() => own?.drop());
beforeEach(async () => {
  await own.database.pool.query(
    "truncate playback.history, playback.person, playback.lane, playback.position",
  );
});

const userId = "7";
const part = partOf(userId);
const nowMs = Date.now();
let lanes = 0;
async function tell(videoId: number, atMs: number): Promise<void> {
  const append = laneWriter(own.db, { next: () => String(++lanes) }, createPartitions(own.db));
  const where = { positionMs: 1, picture: 0, ended: false };
  await append([], [{ userId, part, videoId: String(videoId), atMs, ...where }]);
}
const videoIds = async (limit = 2_000) =>
  (await historyStore(own.db).list(userId, undefined, limit)).map((row) => row.videoId);

test("whoever clears a history waits for what is being kept, and nothing of it comes back", async () => {
  await tell(1, nowMs - 2);
  let cleared: Promise<void> | undefined;
  const reading = {
    ...keepHistory,
    async act(...words: Parameters<typeof keepHistory.act>) {
      await keepHistory.act(...words);
      cleared = historyStore(own.db).clear(userId, nowMs);
      await Promise.race([cleared, own.database.pool.query("select pg_sleep(0.2)")]);
    },
  };
  expect(await readPart(own.db, reading, part)).toBe("done");
  await cleared;
  expect(await videoIds()).toEqual([]);
  // What was told before, and is read later.
  await tell(2, nowMs - 1);
  await tell(3, nowMs + 1);
  await readPart(own.db, keepHistory, part);
  expect(await videoIds()).toEqual(["3"]);
});

test("the newest thousand are kept, also when one that was removed is watched again", async () => {
  await own.database.pool.query(
    `insert into playback.history select ${userId}, v, v, 1, 0, false from generate_series(1, 1000) v`,
  );
  await tell(500, nowMs);
  await readPart(own.db, keepHistory, part);
  expect(await videoIds()).toHaveLength(1_000);
  await tell(1_001, nowMs + 1);
  await readPart(own.db, keepHistory, part);
  let kept = await videoIds();
  expect([kept.length, kept[0], kept[1], kept.at(-1)]).toEqual([1_000, "1001", "500", "2"]);
  await historyStore(own.db).remove(userId, "400", nowMs);
  await tell(1_002, nowMs + 2);
  await tell(400, nowMs + 3);
  await readPart(own.db, keepHistory, part);
  kept = await videoIds();
  expect([kept.length, kept[0], kept.at(-1)]).toEqual([1_000, "400", "3"]);
});
