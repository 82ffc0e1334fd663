import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { randomOf, testSeed } from "#platform/testing/random.ts";
import { codeStore, type DailyStore, dailyStore, downloads, guestId, shares } from "./daily-store.ts";
import { migrations } from "./migrations.ts";
import type { Tables } from "./tables.ts";
import { addVideos } from "./video-rows.ts";

const videos = ["101", "102", "103"];
const days = ["2026-11-28", "2026-11-29"];
let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let lastCode = 0;
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("interaction", "daily", migrations);
});
afterAll(() => own.drop());
beforeEach(async () => {
  await own.database.pool.query(
    "truncate interaction.shared_picture, interaction.share, interaction.download, interaction.video, interaction.person, events.log",
  );
  await addVideos(
    own.db,
    videos.map((videoId) => ({ videoId, authorId: "1" })),
  );
});

describe.each([shares, downloads])("$count", (daily) => {
  let store: DailyStore;
  beforeAll(() => {
    store = dailyStore(own.db, own.events, daily);
  });
  const add = async (videoId: string, userId: string, day: string, guest?: string) => {
    const label = guest ?? (daily === shares ? String(++lastCode) : "");
    const atMs = Date.parse(day) + 60_000;
    return (await store.apply([{ videoId, userId, guest, atMs, label }]))[0];
  };
  const counts = async () =>
    Object.fromEntries(
      (await own.database.pool.query(`select video_id, ${daily.count} as n from interaction.video`)).rows.map(
        (row) => [row.video_id, Number(row.n)],
      ),
    );

  test("each person counts once a day, however many ask at once", async () => {
    const random = randomOf(testSeed(daily.count));
    const model = new Set<string>();
    for (let round = 0; round < 20; round++) {
      await Promise.all(
        Array.from({ length: 10 }, async () => {
          const key = [random.of(videos), random.of(["5", "6"]), random.of(days)] as const;
          model.add(key.join(" "));
          await add(...key);
        }),
      );
    }
    for (const videoId of videos)
      expect((await counts())[videoId]).toBe([...model].filter((key) => key.startsWith(videoId)).length);
    const { rows } = await own.database.pool.query("select from events.log");
    expect(rows).toHaveLength(model.size);
    const [known] = [...model];
    const [videoId, userId, day] = known!.split(" ") as [string, string, string];
    expect(await add(videoId, userId, day)).toBe(false);
    expect(await add("999", "5", day)).toBeUndefined();
  });

  test("what a person did goes with them, exactly", async () => {
    for (const day of days)
      for (const userId of ["5", "6"]) for (const videoId of videos) await add(videoId, userId, day);
    expect(await store.forget("5")).toBe(false);
    expect(await counts()).toEqual({ "101": 2, "102": 2, "103": 2 });
    const { rows } = await own.database.pool.query(
      `select from interaction.${daily.table} where user_id = 5`,
    );
    expect(rows).toEqual([]);
  });
});

test("guests count by who they are, together in one batch too, and are nobody to be locked or to have left", async () => {
  const store = dailyStore(own.db, own.events, downloads);
  const atMs = Date.parse(days[0]!);
  const one = { videoId: "101", userId: guestId, guest: "a", label: "a", atMs };
  const other = { ...one, guest: "b", label: "b" };
  expect(await store.apply([one, other])).toEqual([true, true]);
  expect(
    await store.apply([
      { ...one, atMs: atMs + 1 },
      { ...other, guest: "c", label: "c" },
    ]),
  ).toEqual([false, true]);
  const { rows } = await own.database.pool.query("select user_id from interaction.person");
  expect(rows).toEqual([]);
});

test("the code of a share is the first of its day, and leads to its video", async () => {
  const store = dailyStore(own.db, own.events, shares);
  const codes = codeStore(own.db);
  const atMs = Date.parse(days[0]!);
  for (const label of ["first", "second"]) await store.apply([{ videoId: "101", userId: "5", atMs, label }]);
  expect(await codes.codeOf("101", "5", days[0]!)).toBe("first");
  expect(await codes.codeOf("101", "5", days[1]!)).toBeUndefined();
  expect(await codes.sharedWith("first")).toEqual({ videoId: "101", picture: 0 });
  expect(await codes.sharedWith("second")).toBeUndefined();
});

test("a picture has a code of its own, which goes with the share of its day", async () => {
  const store = dailyStore(own.db, own.events, shares);
  const codes = codeStore(own.db);
  const [videoId, userId, day] = ["101", "5", days[0]!];
  const of = { videoId, userId, day, picture: 2 };
  expect(await codes.pictureCode(of, "early")).toBeUndefined();
  await store.apply([{ videoId, userId, atMs: Date.parse(day), label: "whole" }]);
  expect(await codes.pictureCode(of, "second")).toBe("second");
  expect(await codes.pictureCode(of, "again")).toBe("second");
  expect(await codes.pictureCode({ ...of, picture: 3 }, "third")).toBe("third");
  expect(await codes.sharedWith("third")).toEqual({ videoId, picture: 3 });
  await store.forget(userId);
  for (const code of ["whole", "second", "third"]) expect(await codes.sharedWith(code)).toBeUndefined();
});
