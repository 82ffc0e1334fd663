import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { ReadTimelinesRequestSchema } from "#contracts/gen/message_pb.ts";
import { type Database, openDatabase, perCall } from "#platform/db/database.ts";
import { migrate } from "#platform/db/migrate.ts";
import { inTransaction } from "#platform/db/transaction.ts";
import { leaveGap } from "#platform/events/log/restored.ts";
import { migrations as eventMigrations } from "#platform/events/migrations.ts";
import { migrations as leaseMigrations } from "#platform/lease/migrations.ts";
import { createLog } from "#platform/observe/log.ts";
import fc from "#platform/testing/property.ts";
import { createTestDatabaseFrom, type TestDatabase } from "#platform/testing/test-database.ts";
import { readTimelines } from "./handlers/read-timelines.ts";
import { migrations } from "./migrations.ts";
import type { Tables } from "./tables.ts";
import { append, type NewEntry, timelineStore } from "./timeline-store.ts";

const log = createLog("silent");
let testDatabase: TestDatabase;
let database: Database;

beforeAll(async () => {
  testDatabase = await createTestDatabaseFrom("message_timelines", async (url) => {
    const fresh = openDatabase(url, { log });
    await migrate(fresh, "lease", leaseMigrations);
    await migrate(fresh, "events", eventMigrations);
    await migrate(fresh, "message", migrations);
    await fresh.close();
  });
  database = openDatabase(testDatabase.url, { log });
});
afterAll(async () => {
  await database.close();
  await testDatabase.drop();
});
beforeEach(() => database.pool.query("truncate message.person, message.timeline"));

const db = () => database.of<Tables>("message");
const store = () => timelineStore(db());
const entry = (userId: string, subjectId: number, atMs = Date.now()): NewEntry => ({
  ...{ userId, kind: "read", atMs, peerId: "9", subjectId: String(subjectId), actorId: "9", unread: 0 },
});
const add = (...entries: NewEntry[]) => inTransaction(db(), (on) => append(on, entries));
async function read(userId: string, seq: string, limit = 300) {
  const [now] = await store().after([{ userId, epoch: "", seq: "0" }], 0);
  const { epoch } = now!;
  const [found] = await store().after([{ userId, epoch, seq }], limit);
  return found!;
}

test("whoever appends at the same time, numbers of each person have no gap and no double", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(fc.constantFrom("1", "2", "3"), { minLength: 1, maxLength: 5 }), { maxLength: 12 }),
      async (transactions) => {
        await database.pool.query("truncate message.person, message.timeline");
        await Promise.all(transactions.map((people, i) => add(...people.map((id) => entry(id, i + 1)))));
        for (const id of ["1", "2", "3"]) {
          const { seq, entries, recovered } = await read(id, "0");
          const count = transactions.flat().filter((one) => one === id).length;
          expect([seq, recovered]).toEqual([String(count), true]);
          expect(entries.map((one) => one.seq)).toEqual(
            Array.from({ length: count }, (_, i) => String(i + 1)),
          );
        }
      },
    ),
    { numRuns: 30 },
  );
});

test("a position from before what was removed as too old is told so, one after it goes on", async () => {
  const longAgo = Date.now() - 31 * 24 * 3_600_000;
  await add(entry("1", 1, longAgo), entry("1", 2, longAgo), entry("1", 3));
  await add(entry("2", 4, longAgo));
  await store().expire(new AbortController().signal);
  expect(await read("1", "0")).toMatchObject({ seq: "3", recovered: false, entries: [] });
  expect(await read("1", "2")).toMatchObject({ seq: "3", recovered: true, entries: [{ seq: "3" }] });
  expect(await read("2", "1")).toMatchObject({ seq: "1", recovered: true, entries: [] });
});

test("a position before what was removed is told so also where fewer entries are asked for than are left", async () => {
  const longAgo = Date.now() - 31 * 24 * 3_600_000;
  const times = (count: number, atMs: number) =>
    Array.from({ length: count }, (_, i) => entry("1", i + 1, atMs));
  await add(...times(5, longAgo), ...times(15, Date.now()));
  await store().expire(new AbortController().signal);
  expect(await read("1", "2", 5)).toMatchObject({ seq: "20", recovered: false, entries: [] });
  expect(await read("1", "5", 5)).toMatchObject({
    recovered: true,
    entries: [6, 7, 8, 9, 10].map((seq) => ({ seq: String(seq) })),
  });
});

test("what is no epoch is none, and harms nobody who asks at the same time", async () => {
  await add(entry("1", 1), entry("2", 1));
  const { epoch, seq } = await read("1", "0");
  const ask = readTimelines(perCall(db(), timelineStore));
  const call = { traceId: "", deadlineMs: 0, signal: new AbortController().signal };
  for (const strange of ["\0", `${epoch}\0`, "x y", "豆", "x".repeat(65)]) {
    const after = [
      { userId: "1", epoch: strange, seq },
      { userId: "2", epoch, seq },
    ];
    const request = create(ReadTimelinesRequestSchema, { after });
    expect(await ask(request, call)).toMatchObject({
      timelines: [
        { epoch, recovered: false },
        { epoch, recovered: true },
      ],
    });
  }
});

test("of a person about 10,000 entries are kept, and those of others stay", async () => {
  await add(entry("2", 1));
  for (let i = 0; i < 21; i++) await add(...Array.from({ length: 500 }, () => entry("1", 1)));
  const { rows } = await database.pool.query(
    "select user_id::text, count(*)::int4, min(seq)::int4 from message.timeline group by 1 order by 1",
  );
  expect(rows).toEqual([
    { user_id: "1", count: 10_000, min: 501 },
    { user_id: "2", count: 1, min: 1 },
  ]);
  expect(await read("1", "10490")).toMatchObject({ recovered: true, seq: "10500" });
});

test("timelines begun anew are of another epoch, and go on with their numbers", async () => {
  await add(entry("1", 1), entry("1", 2));
  const before = await read("1", "0");
  await inTransaction(db(), (on) => store().rebuild(on));
  const [old] = await store().after([{ userId: "1", epoch: before.epoch, seq: "1" }], 300);
  expect(old).toMatchObject({ seq: "2", recovered: false, entries: [] });
  expect(old!.epoch).not.toBe(before.epoch);
  await add(entry("1", 3));
  expect(await read("1", "2")).toMatchObject({ epoch: old!.epoch, recovered: true, entries: [{ seq: "3" }] });
});

test("numbers of a database that may have gone back are of another epoch", async () => {
  await database.pool.query("select setval('events.log_position_seq', 7)");
  await add(entry("1", 1), entry("1", 2));
  const before = await read("1", "2");
  // As from a backup.
  await database.pool.query("update message.person set seq = 1");
  await database.pool.query("delete from message.timeline where seq = 2");
  await leaveGap(database.pool);
  await add(entry("1", 3), entry("1", 4));
  const [after] = await store().after([{ userId: "1", epoch: before.epoch, seq: "2" }], 300);
  expect(after).toMatchObject({ seq: "3", recovered: false, entries: [] });
  expect(await read("1", "1")).toMatchObject({ recovered: true, entries: [{ seq: "2" }, { seq: "3" }] });
});
