import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { migrations } from "./migrations.ts";
import { presenceStore } from "./presence-store.ts";
import { maySeePresence, maySeeTyping, type Standing } from "./rules.ts";
import type { Tables } from "./tables.ts";
import { timelineStore } from "./timeline-store.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("message", "presence", migrations);
});
afterAll(() => own.drop());
beforeEach(() => own.database.pool.query("truncate message.person, message.timeline, message.conversation"));

const store = () => presenceStore(own.db, own.events);

test("hiding is told once to all of a person's devices, and is known until it is taken back", async () => {
  expect(await store().hide("1", true)).toEqual([{ userId: "1", seq: "1" }]);
  expect(await store().hide("1", true)).toEqual([]);
  expect(await store().hide("2", false)).toEqual([]);
  expect(await store().hidden(["1", "2", "3"])).toEqual(["1"]);
  const [now] = await timelineStore(own.db).after([{ userId: "1", epoch: "", seq: "0" }], 0);
  const [read] = await timelineStore(own.db).after([{ userId: "1", epoch: now!.epoch, seq: "0" }], 10);
  expect(read!.entries.map(({ kind, subjectId }) => [kind, subjectId])).toEqual([[6, "1"]]);
  expect(await store().hide("1", false)).toEqual([{ userId: "1", seq: "2" }]);
  expect(await store().hidden(["1"])).toEqual([]);
});

test("nothing is told to a person whose account is deleted", async () => {
  await own.database.pool.query("insert into message.person (user_id, gone) values (1, true)");
  expect(await store().hide("1", true)).toEqual([]);
});

test("who hides, and who is gone, is nobody that others are told of", async () => {
  await own.database.pool.query("insert into message.person (user_id, gone) values (1, true), (2, false)");
  await store().hide("3", true);
  expect((await store().hidden(["1", "2", "3", "4"])).sort()).toEqual(["1", "3"]);
});

test("it is known of each pair, in the order asked, who has written to whom, and who hides", async () => {
  // 1 has written to 2, and 2 and 3 to each other.
  await own.database.pool.query(`insert into message.conversation (user_id, peer_id, answered) values
    (1, 2, false), (2, 1, true), (2, 3, true), (3, 2, true)`);
  await store().hide("3", true);
  const pair = (userId: string, peerId: string) => ({ userId, peerId });
  expect(
    await store().standings([pair("1", "2"), pair("2", "1"), pair("2", "3"), pair("3", "2"), pair("1", "3")]),
  ).toEqual([
    { answered: false, asked: true, hides: false },
    { answered: true, asked: false, hides: false },
    { answered: true, asked: true, hides: false },
    { answered: true, asked: true, hides: true },
    { answered: false, asked: false, hides: false },
  ]);
});

test.each([
  ["friends", { friends: true }, true, true],
  ["strangers", {}, false, false],
  ["one who was only written to", { answered: true }, false, true],
  ["one who has only written", { asked: true }, false, false],
  ["both have written", { answered: true, asked: true }, true, true],
  ["one who hides", { friends: true, hides: true }, false, true],
  ["a block between friends", { friends: true, answered: true, asked: true, blocked: true }, false, false],
])("%s: who sees presence, and typing", (_what, standing, presence, typing) => {
  const nothing: Standing = { friends: false, blocked: false, answered: false, asked: false, hides: false };
  const all = { ...nothing, ...standing };
  expect([maySeePresence(all), maySeeTyping(all)]).toEqual([presence, typing]);
});
