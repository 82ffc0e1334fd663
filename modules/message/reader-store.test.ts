import { afterAll, beforeAll, beforeEach, expect, test, vi } from "vitest";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { tellEveryMs } from "./late-teller.ts";
import { migrations } from "./migrations.ts";
import { readerStore } from "./reader-store.ts";
import { messageStore } from "./store.ts";
import type { Tables } from "./tables.ts";
import { entryKinds } from "./timeline-store.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("message", "readers", migrations);
});
afterAll(() => own.drop());

const group = { id: "90", name: "Choir", creator_id: null, idempotency_key: null };
const readers = Array.from({ length: 49 }, (_, i) => String(10 + i));
/** A group of fifty, in which the first has written one message. */
beforeEach(async () => {
  await own.database.pool.query(
    "truncate message.person, message.timeline, message.message, message.member, message.group_chat, message.told_readers",
  );
  await own.db
    .insertInto("group_chat")
    .values({ ...group, members: 50, total: "1", last_id: "7" })
    .execute();
  const place = { group_id: "90", role: 1, since_id: "0", joined_id: "0", read_id: "0", seen: "0" };
  await own.db
    .insertInto("member")
    .values(["1", ...readers].map((user_id) => ({ ...place, user_id })))
    .execute();
  await own.database.pool.query(
    "insert into message.message (low_id, high_id, id, sender_id, content) values (0, 90, 7, 1, 'x'), (0, 90, 8, 1, 'y')",
  );
  // However long fifty take to read, it is at one time.
  vi.useFakeTimers({ toFake: ["Date"] });
  return () => {
    vi.useRealTimers();
  };
});

let waits: number[] = [];
const read = (userId: string, upToId: string) =>
  messageStore(own.db, own.events, (atMs) => waits.push(atMs)).markRead([{ userId, peerId: "90", upToId }]);
const marksOf = async (userId: string) => {
  const rows = await own.db
    .selectFrom("timeline")
    .select(["subject_id", "actor_id"])
    .where("user_id", "=", userId)
    .where("kind", "=", entryKinds.read)
    .orderBy("seq")
    .execute();
  return rows.map((row) => `${row.actor_id} ${row.subject_id}`);
};

test("an author is told of the first of fifty readers at once, and of all others once, some seconds later", async () => {
  waits = [];
  for (const userId of readers) await read(userId, "7");
  await own.db.updateTable("group_chat").set({ last_id: "8", total: "2" }).execute();
  await read(readers[0]!, "8");
  expect(await marksOf("1")).toEqual(["90 7"]);
  expect(await marksOf(readers[0]!)).toEqual([`${readers[0]} 7`, `${readers[0]} 8`]);
  const [dueMs] = waits;
  expect(new Set(waits)).toEqual(new Set([dueMs]));
  const store = readerStore(own.db, own.events);
  expect(await store.tellLate(dueMs! - 1)).toEqual({ heads: [], nextAtMs: dueMs });
  expect(await store.tellLate(dueMs)).toEqual({ heads: [{ userId: "1", seq: "2" }], nextAtMs: undefined });
  expect(await marksOf("1")).toEqual(["90 7", "90 8"]);
  await own.db
    .updateTable("told_readers")
    .set({ told_ms: String(Date.now() - tellEveryMs) })
    .execute();
  await read(readers[1]!, "8");
  expect(await marksOf("1")).toHaveLength(3);
});

test("an author whom a clock far ahead has told is told by the others nevertheless", async () => {
  for (const userId of readers.slice(0, 2)) await read(userId, "7");
  const ahead = () =>
    own.db
      .updateTable("told_readers")
      .set({ told_ms: String(Date.now() + 3_600_000) })
      .where("user_id", "=", "1")
      .execute();
  await ahead();
  expect((await readerStore(own.db, own.events).tellLate()).heads).toEqual([{ userId: "1", seq: "2" }]);
  await ahead();
  await own.db.updateTable("group_chat").set({ last_id: "8", total: "2" }).execute();
  await read(readers[2]!, "8");
  expect(await marksOf("1")).toHaveLength(3);
});

test("who has left, or is deleted, is told of no readers and holds up nobody", async () => {
  for (const userId of readers.slice(0, 2)) await read(userId, "7");
  await own.db.deleteFrom("member").where("user_id", "=", "1").execute();
  const laterMs = Date.now() + 2 * tellEveryMs;
  expect(await readerStore(own.db, own.events).tellLate(laterMs)).toEqual({ heads: [], nextAtMs: undefined });
  await own.database.pool.query("update message.told_readers set waits = true, told_ms = 0");
  await own.database.pool.query("update message.person set gone = true where user_id = 1");
  await own.database.pool.query("insert into message.told_readers values (10, 90, 0, 7, true)");
  expect(await readerStore(own.db, own.events).tellLate()).toMatchObject({
    heads: [{ userId: "10" }],
    nextAtMs: undefined,
  });
});

test("a deleted account mutes nothing, and that is no error", async () => {
  await own.database.pool.query("insert into message.person (user_id, gone) values (1, true)");
  expect(await messageStore(own.db, own.events).mute({ userId: "1", peerId: "90" }, true)).toEqual([]);
  const { rows } = await own.database.pool.query("select muted from message.member where user_id = 1");
  expect(rows).toEqual([{ muted: false }]);
});
