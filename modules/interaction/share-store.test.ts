import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { randomOf, testSeed } from "#platform/testing/random.ts";
import { migrations } from "./migrations.ts";
import { type ShareStore, shareStore } from "./share-store.ts";
import type { Tables } from "./tables.ts";
import { addVideos } from "./video-rows.ts";

const videos = ["101", "102", "103"];
let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let store: ShareStore;
let lastCode = 0;
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("interaction", "shares", migrations);
  store = shareStore(own.db, own.events);
});
afterAll(() => own.drop());
beforeEach(async () => {
  await own.database.pool.query(
    "truncate interaction.share, interaction.video, interaction.person, events.log",
  );
  await addVideos(
    own.db,
    videos.map((videoId) => ({ videoId, authorId: "1" })),
  );
});
const share = (videoId: string, userId: string, day: string) =>
  store.apply([{ videoId, userId, day, code: String(++lastCode) }]).then(([changed]) => changed);
const shares = async () =>
  Object.fromEntries(
    (await own.database.pool.query("select video_id, shares from interaction.video")).rows.map((row) => [
      row.video_id,
      Number(row.shares),
    ]),
  );

test("a share counts once for each person and day, however many ask at once, and its code stays", async () => {
  const random = randomOf(testSeed("shares"));
  const model = new Set<string>();
  for (let round = 0; round < 20; round++) {
    await Promise.all(
      Array.from({ length: 10 }, async () => {
        const day = random.of(["2026-11-28", "2026-11-29"]);
        const key = [random.of(videos), random.of(["5", "6"]), day] as const;
        model.add(key.join(" "));
        await share(...key);
      }),
    );
  }
  for (const videoId of videos)
    expect((await shares())[videoId]).toBe([...model].filter((key) => key.startsWith(videoId)).length);
  const { rows } = await own.database.pool.query("select from events.log");
  expect(rows).toHaveLength(model.size);
  const [videoId, userId, day] = [...model][0]!.split(" ") as [string, string, string];
  const code = await store.codeOf(videoId, userId, day);
  expect(await share(videoId, userId, day)).toBe(false);
  expect(await store.codeOf(videoId, userId, day)).toBe(code);
  expect(await store.videoOf(code!)).toBe(videoId);
  expect(await share("999", "5", day)).toBeUndefined();
});

test("what a person shared goes with them, exactly", async () => {
  for (const day of ["2026-11-28", "2026-11-29"])
    for (const userId of ["5", "6"]) for (const videoId of videos) await share(videoId, userId, day);
  expect(await store.forget("5")).toBe(false);
  expect(await shares()).toEqual({ "101": 2, "102": 2, "103": 2 });
  expect(await store.codeOf("101", "5", "2026-11-29")).toBeUndefined();
});
