import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { createLog } from "#platform/observe/log.ts";
import { createMetrics } from "#platform/observe/metrics.ts";
import { added, type EventLog, openEventLog, removed, writeEffects } from "#platform/testing/event-log.ts";
import { waiting } from "#platform/testing/held-up.ts";
import { startRetention, sweepLog } from "../log/retention.ts";
import { readOrigin } from "../log/table-source.ts";
import { deadLetters, forget, readTail } from "./admin.ts";
import { readLag } from "./lag.ts";
import { exportLag } from "./lag-metrics.ts";

const hour = 3_600_000;
let log: EventLog;
beforeEach(async () => {
  log = await openEventLog();
});
afterEach(() => log.close());

function consume(group = "test") {
  return log.events.consume({ group, types: [added], handle: writeEffects });
}

async function age(condition = "true"): Promise<void> {
  await log.database.pool.query(`update events.log set at = at - interval '2 hours' where ${condition}`);
}

async function kept(): Promise<number[]> {
  const { rows } = await log.database.pool.query("select position from events.log order by position");
  return rows.map((row) => Number(row.position));
}

describe("retention", () => {
  it("removes old events that every group has passed, and nothing else", async () => {
    const consumer = consume();
    await log.emit("a:1", "b:1", "c:1");
    await consumer.settled();
    await age();
    await log.emit("a:2", "b:2");
    await consumer.settled();
    expect(await sweepLog(log.database.pool, hour)).toBe(3);
    expect(await kept()).toEqual([4, 5]);
    expect(await sweepLog(log.database.pool, hour)).toBe(0);
  });

  it("never removes events that a group has not handled", async () => {
    const [quick, slow] = [consume("quick"), consume("slow")];
    await log.emit("a:1");
    await Promise.all([quick.settled(), slow.settled()]);
    await slow.stop();
    await log.emit("a:2", "a:3");
    await quick.settled();
    await age();
    await sweepLog(log.database.pool, hour);
    expect(await kept()).toEqual([2, 3]);
    const back = consume("slow");
    await back.settled();
    expect((await log.effects()).filter((value) => value === "a:3")).toHaveLength(2);
    await back.stop();
    await sweepLog(log.database.pool, hour);
    expect(await kept()).toEqual([]);
  });

  it("never removes events that a group in another database has not handled", async () => {
    const other = await openEventLog();
    try {
      const consumer = consume();
      await log.emit("a:1", "a:2", "a:3");
      await consumer.settled();
      await age();
      await other.database.pool.query(
        "insert into events.consumer_group (group_name, types) values ('far', '{}')",
      );
      await other.database.pool.query(
        `insert into events.consumer (group_name, origin, partition, position)
         select 'far', $1, partition, 1 from generate_series(0, 15) partition`,
        [await readOrigin(log.database.pool)],
      );
      const elsewhere = [other.database.pool];
      expect(await sweepLog(log.database.pool, hour, { elsewhere })).toBe(1);
      expect(await kept()).toEqual([2, 3]);
      await other.database.pool.query("update events.consumer set position = 3");
      expect(await sweepLog(log.database.pool, hour, { elsewhere })).toBe(2);
    } finally {
      await other.close();
    }
  });

  it("goes on by itself, in batches", async () => {
    await log.database.pool.query(
      `insert into events.log (partition, type, key, payload, at)
       select 3, 'test.removed.v1', 'k', '', now() - interval '2 hours' from generate_series(1, 12000)`,
    );
    const retention = startRetention(log.database.pool, {
      log: createLog("silent"),
      keepMs: hour,
      everyMs: 10,
    });
    await expect.poll(kept).toEqual([]);
    await retention.stop();
  });
});

it("the metrics tell the lag of each group", async () => {
  const consumer = consume();
  await log.emit("a:1");
  await consumer.settled();
  await consumer.stop();
  await log.emit("a:2", "b:2");
  await age("key = 'b'");
  expect(await readLag(log.database.pool)).toMatchObject([{ group: "test", orphans: 16 }]);
  const metrics = createMetrics();
  exportLag(metrics, () => [log.database.pool]);
  const text = await metrics.registry.metrics();
  expect(text).toContain('douya_events_lag_records{group="test"} 2');
  expect(text).toMatch(/douya_events_lag_seconds\{group="test"\} 72\d\d/);
  expect(text).toContain('douya_events_dead_letters{group="test"} 0');
  expect(text).toMatch(/douya_events_members\{group="test"\} \d/);
});

it("tail shows the newest, and goes on from a position, of the types asked for", async () => {
  await log.emit("a:1", "b:2", "c:3");
  await log.events.transaction(log.db, async (_, emit) => emit(removed, { value: "a:4" }));
  const read = async (which: Parameters<typeof readTail>[1]) =>
    (await readTail(log.database.pool, which)).map((event) => Number(event.position));
  expect(await read({ limit: 2 })).toEqual([3, 4]);
  expect(await read({ limit: 2, types: ["test.added.v1"] })).toEqual([2, 3]);
  expect(await read({ after: "1", limit: 2 })).toEqual([2, 3]);
  expect(await read({ after: "4", limit: 2 })).toEqual([]);
});

it("a group that somebody joins meanwhile cannot be forgotten", async () => {
  const { pool } = log.database;
  const consumer = consume();
  await consumer.settled();
  await consumer.stop();
  const joining = await pool.connect();
  await joining.query("begin");
  await joining.query("insert into events.member (group_name, id) values ('test', $1)", [log.lease.id]);
  const forgetting = expect(forget(pool, "test")).rejects.toMatchObject({ reason: "GROUP_IN_USE" });
  await waiting(pool, 1);
  await joining.query("commit");
  joining.release();
  await forgetting;
  expect(await readLag(pool)).toHaveLength(1);
});

it("a member whose group was forgotten just before it joined registers it again", async () => {
  const { pool } = log.database;
  const consumer = consume();
  await consumer.settled();
  await pool.query("delete from events.consumer; delete from events.consumer_group");
  await log.emit("a:1");
  await consumer.settled();
  expect(await log.effects()).toEqual(["a:1"]);
  expect(await readLag(pool)).toMatchObject([{ group: "test", types: ["test.added.v1"] }]);
});

it("a group that runs cannot be forgotten; one that does not leaves nothing", async () => {
  const consumer = consume();
  const { pool } = log.database;
  await expect.poll(async () => (await readLag(pool))[0]?.members).toBe(1);
  await expect(forget(pool, "test")).rejects.toMatchObject({ reason: "GROUP_IN_USE" });
  await consumer.stop();
  await forget(pool, "test");
  expect(await readLag(pool)).toEqual([]);
  expect(await deadLetters(pool, "test", 1)).toEqual([]);
  const { rows } = await pool.query("select from events.consumer");
  expect(rows).toEqual([]);
  await expect(forget(pool, "test")).rejects.toMatchObject({ reason: "NO_SUCH_GROUP" });
});
