import type { Pool } from "pg";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createLog } from "#platform/observe/log.ts";
import {
  added,
  type EffectTables,
  type EventLog,
  openEventLog,
  writeEffects,
} from "#platform/testing/event-log.ts";
import { startLease } from "../lease/process-lease.ts";
import { deadLetters, drop, replay } from "./admin/admin.ts";
import { readAllLag } from "./admin/all-lag.ts";
import { watchProgress } from "./admin/progress.ts";
import { splitPartitions } from "./admin/split-partitions.ts";
import { createEvents, type ProcessEvents } from "./events.ts";

let here: EventLog;
let there: EventLog;
let all: ProcessEvents;

beforeEach(async () => {
  [here, there] = await Promise.all([openEventLog(), openEventLog()]);
  all = createEvents({
    databases: [here, there],
    databaseOf: () => there.database,
    log: createLog("silent"),
  });
});
afterEach(async () => {
  await all.stop();
  await Promise.all([here.close(), there.close()]);
});

it("a group gets the events of every database, in order within each key, and acts in its own", async () => {
  const values = Array.from({ length: 40 }, (_, i) => `${i % 5}:${i}`);
  await Promise.all([here.emit(...values.slice(0, 20)), there.emit(...values.slice(20))]);
  const consumer = all
    .of<EffectTables>("test")
    .consume({ group: "test", types: [added], handle: writeEffects });
  await consumer.settled();
  const effects = await there.effects();
  expect([...effects].sort()).toEqual([...values].sort());
  for (const half of [values.slice(0, 20), values.slice(20)])
    for (const key of ["0", "1", "2", "3", "4"])
      expect(effects.filter((value) => half.includes(value) && value.startsWith(key))).toEqual(
        half.filter((value) => value.startsWith(key)),
      );
  expect(await here.effects()).toEqual([]);
  await consumer.stop();
  await here.emit("a:later");
  const again = all.of<EffectTables>("test").consume({ group: "test", types: [added], handle: writeEffects });
  await again.settled();
  expect(await there.effects()).toEqual([...effects, "a:later"]);
});

it("a database that is away does not keep a group from the events of the other, and is read once it is back", async () => {
  await here.emit("b:1");
  await here.database.pool.query("alter table events.origin rename to gone");
  await there.emit("a:1");
  all.of<EffectTables>("test").consume({ group: "test", types: [added], handle: writeEffects });
  await expect.poll(there.effects).toEqual(["a:1"]);
  await here.database.pool.query("alter table events.gone rename to origin");
  await expect.poll(there.effects).toEqual(["a:1", "b:1"]);
});

it("a split is noticed while another database is away", async () => {
  const consumer = all
    .of<EffectTables>("test")
    .consume({ group: "test", types: [added], handle: writeEffects });
  await here.emit("a:1");
  await there.emit("b:1");
  await expect.poll(there.effects).toHaveLength(2);
  await here.database.pool.query("alter table events.partitioning rename to gone");
  await splitPartitions(there.database.pool, 32);
  const values = Array.from({ length: 40 }, (_, i) => `${i}:2`);
  await there.emit(...values);
  await expect.poll(there.effects).toHaveLength(42);
  await here.database.pool.query("alter table events.gone rename to partitioning");
  await here.emit("a:3");
  await expect.poll(there.effects).toHaveLength(43);
  await consumer.stop();
});

it("a split that is lost with a database, and done again, counts from where it was done again", async () => {
  const consume = () =>
    all.of<EffectTables>("test").consume({ group: "test", types: [added], handle: writeEffects });
  await here.emit(...Array.from({ length: 40 }, (_, i) => `${i}:1`));
  const consumer = consume();
  await consumer.settled();
  const elsewhere = [there.database.pool];
  await splitPartitions(here.database.pool, 32, { elsewhere });
  await consumer.settled();
  await consumer.stop();
  const sinceOf = async () =>
    (
      await there.database.pool.query<{ since: string }>(
        "select distinct since from events.consumer where parent is not null",
      )
    ).rows.map(({ since }) => Number(since));
  const [before] = await sinceOf();
  await here.database.pool.query("delete from events.partitioning where since > 0");
  await here.emit(...Array.from({ length: 40 }, (_, i) => `${i}:2`));
  await splitPartitions(here.database.pool, 32, { elsewhere });
  const [after, ...others] = await sinceOf();
  expect([after! > before!, others]).toEqual([true, []]);
  await here.emit(...Array.from({ length: 40 }, (_, i) => `${i}:3`));
  const again = consume();
  await again.settled();
  const effects = await there.effects();
  for (let i = 0; i < 40; i++)
    expect(effects.filter((value) => value.startsWith(`${i}:`))).toEqual([`${i}:1`, `${i}:2`, `${i}:3`]);
  await again.stop();
});

it("a group that begins at the end gets only what is new, but all of a database that it reads later", async () => {
  await here.emit("a:old");
  await there.emit("b:old");
  await here.database.pool.query("alter table events.origin rename to gone");
  const consumer = all
    .of<EffectTables>("test")
    .consume({ group: "test", types: [added], from: "end", handle: writeEffects });
  await consumer.settled();
  await there.emit("b:new");
  await expect.poll(there.effects).toEqual(["b:new"]);
  await here.database.pool.query("alter table events.gone rename to origin");
  await expect.poll(there.effects).toEqual(["b:new", "a:old"]);
  const both = all
    .of<EffectTables>("test")
    .consume({ group: "both", types: [added], from: "end", handle: writeEffects });
  await both.settled();
  await consumer.stop();
  await here.emit("a:new");
  await both.settled();
  expect(await there.effects()).toEqual(["b:new", "a:old", "a:new"]);
});

it("members of a group have as many partitions of one database as of the other", async () => {
  const consume = (events: ProcessEvents) =>
    events.of<EffectTables>("test").consume({ group: "test", types: [added], handle: writeEffects });
  consume(all);
  const shares = async () => {
    const { rows } = await there.database.pool.query<{ share: number }>(
      "select count(*)::int as share from events.consumer where owner is not null group by owner, origin order by 1",
    );
    return rows.map(({ share }) => share);
  };
  await expect.poll(shares).toEqual([16, 16]);
  const lease = startLease(there.database.pool, { log: createLog("silent"), beatMs: 200 });
  const other = createEvents({
    databases: [here, { database: there.database, lease }],
    databaseOf: () => there.database,
    log: createLog("silent"),
  });
  const guest = consume(other);
  await expect.poll(shares).toEqual([8, 8, 8, 8]);
  await guest.stop();
  await expect.poll(shares).toEqual([16, 16]);
  await other.stop();
  await lease.release();
});

it("a database that says nothing does not keep a group from the events of the other", async () => {
  await here.emit("h:1");
  const holder = await here.database.pool.connect();
  await holder.query(
    "begin; set local idle_in_transaction_session_timeout = 0; lock table events.log in access exclusive mode",
  );
  all.of<EffectTables>("test").consume({ group: "test", types: [added], handle: writeEffects });
  const values = Array.from({ length: 30 }, (_, i) => `t:${i}`);
  try {
    for (const [i, value] of values.entries()) {
      await there.emit(value);
      await expect.poll(there.effects).toEqual(values.slice(0, i + 1));
    }
  } finally {
    holder.release(true);
  }
  await expect.poll(there.effects).toEqual([...values, "h:1"]);
});

it("dead letters of two databases with one position are told apart", async () => {
  const parked = async () => (await deadLetters(there.database.pool, "test", 9)).map(({ id }) => id).sort();
  all.of<EffectTables>("test").consume({
    ...{ group: "test", types: [added], maxAttempts: 1 },
    handle: () => Promise.reject(new Error("poison")),
  });
  await Promise.all([here.emit("a:1"), there.emit("b:1")]);
  const { rows } = await here.database.pool.query("select left(id::text, 8) as origin from events.origin");
  const elsewhere = `1@${rows[0].origin}`;
  await expect.poll(parked).toEqual(["1", elsewhere]);
  await drop(there.database.pool, { group: "test", id: "1" });
  expect(await parked()).toEqual([elsewhere]);
  await expect(drop(there.database.pool, { group: "test", id: "1" })).rejects.toThrow();
  expect(await replay(there.database.pool, { id: elsewhere })).toBe(1);
});

it("a group is stalled when what it does not handle is in another database", async () => {
  const pools = [here, there].map(({ database }) => database.pool) as [Pool, Pool];
  const consumer = all
    .of<EffectTables>("test")
    .consume({ group: "test", types: [added], handle: writeEffects });
  await consumer.settled();
  await consumer.stop();
  const watch = watchProgress(pools[1], {
    log: createLog("silent"),
    elsewhere: () => [pools[0]],
    stalledMs: 100,
  });
  const stalled = () => watch.stalled().map(({ group }) => group);
  await here.emit("a:1");
  await expect.poll(stalled).toEqual(["test"]);
  await all
    .of<EffectTables>("test")
    .consume({ group: "test", types: [added], handle: writeEffects })
    .settled();
  await expect.poll(stalled).toEqual([]);
  await watch.stop();
});

it("the lag of a group counts what waits in every database", async () => {
  const pools = [here, there].map(({ database }) => database.pool);
  const consumer = all
    .of<EffectTables>("test")
    .consume({ group: "test", types: [added], handle: writeEffects });
  await consumer.settled();
  await consumer.stop();
  await here.emit("a:1", "b:1");
  await there.emit("c:1");
  expect(await readAllLag(pools)).toMatchObject([{ group: "test", records: 3 }]);
  await here.database.pool.query("update events.log set at = now() - interval '2 hours'");
  expect((await readAllLag(pools))[0]!.seconds).toBeGreaterThan(7199);
  const away = { query: () => Promise.reject(new Error("away")) } as unknown as (typeof pools)[0];
  const errors: unknown[] = [];
  const found = await readAllLag([away, pools[1]!], (error) => errors.push(error));
  expect(found).toMatchObject([{ group: "test", records: 1 }]);
  expect(errors).not.toEqual([]);
  await expect(readAllLag([away, pools[1]!])).rejects.toThrow("away");
});
