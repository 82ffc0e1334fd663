import { type ChildProcess, spawn } from "node:child_process";
import { afterEach, beforeEach, expect, it } from "vitest";
import { type ConsumedLog, openTableLog } from "#platform/testing/consumed-log.ts";
import { added, writeEffects } from "#platform/testing/event-log.ts";
import { waiting } from "#platform/testing/held-up.ts";
import { consumerScript, describeLogs } from "#platform/testing/log-suite.ts";
import fc from "#platform/testing/property.ts";
import { replay, reset } from "./admin/admin.ts";
import { readAllLag } from "./admin/all-lag.ts";
import { splitPartitions } from "./admin/split-partitions.ts";
import { sweepLog } from "./log/retention.ts";
import { readOrigin } from "./log/table-source.ts";
import {
  formatPartitioning,
  lineOf,
  type Partitioning,
  parsePartitioning,
  partitionsAfter,
  readPartitioning,
} from "./partitions.ts";

const histories = fc
  .array(fc.tuple(fc.integer({ min: 1, max: 1e6 }), fc.integer({ min: 2, max: 3 })), { maxLength: 3 })
  .map((steps) => {
    const history: Partitioning[] = [{ since: 0, partitions: 16 }];
    for (const [more, times] of steps) {
      const { since, partitions } = history.at(-1)!;
      history.push({ since: since + more, partitions: partitions * times });
    }
    return history;
  });

it("whatever partition a key was in before, it is of the line of that in which it is", () => {
  fc.assert(
    fc.property(histories, fc.nat(2 ** 32 - 1), (history, hash) => {
      const all = partitionsAfter(history);
      const line = lineOf(all[hash % all.length]!, all);
      for (const { partitions } of history) expect(line).toContain(hash % partitions);
      // It has been in none of them at the same time as in another.
      expect(new Set(history.map(({ partitions }) => hash % partitions)).size).toBe(line.length);
      expect(parsePartitioning(formatPartitioning(history))).toEqual(history);
    }),
  );
});

const script = consumerScript();

describeLogs(canBeSplit);

const quick = { interval: 10 };

function canBeSplit(open: () => Promise<ConsumedLog>): void {
  let log: ConsumedLog;
  const children: ChildProcess[] = [];
  beforeEach(async () => {
    log = await open();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
    await log.close();
  });

  const consume = (batch = 500) =>
    log.join().events.consume({ group: "test", types: [added], batch, handle: writeEffects });
  const spawnConsumer = () => {
    const child = spawn(process.execPath, [script, "never", ...log.args], { stdio: "ignore" });
    children.push(child);
    return child;
  };
  /** The offsets, where the events are, of partitions that were split. */
  const begun = async () => {
    const { rows } = await log.pool.query(
      "select count(*)::int as n from events.consumer where group_name = 'test' and parent is not null and owner is not null",
    );
    return rows[0].n;
  };
  const keyOf = (value: string) => value.split(":")[0]!;
  async function expectAll(values: string[]): Promise<void> {
    const effects = await log.effects();
    expect([...effects].sort()).toEqual([...values].sort());
    for (const key of new Set(values.map(keyOf))) {
      const ofKey = (all: string[]) => all.filter((value) => keyOf(value) === key);
      expect(ofKey(effects)).toEqual(ofKey(values));
    }
  }
  const values = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, i) => `${(from + i) % 40}:${from + i}`);

  it("what was written before comes first, also after a reset", async () => {
    const first = consume();
    await log.emit(...values(0, 40));
    await first.settled();
    await first.stop();
    await log.emit(...values(40, 400));
    await splitPartitions(log.facts.database.pool, 32);
    await log.emit(...values(400, 600));
    await splitPartitions(log.facts.database.pool, 96);
    await log.emit(...values(600, 800));
    await log.carried();
    // Small batches, so that there is long something to handle in each partition.
    const consumers = [consume(3), consume(3)];
    for (const consumer of consumers) await consumer.settled();
    await expectAll(values(0, 800));
    await expect.poll(begun, quick).toBe(80);
    expect(await readAllLag(log.pools)).toMatchObject([{ records: 0 }]);
    await log.pool.query("truncate test.effect");
    await reset(log.pool, "test", "start");
    await consumers[0]!.settled();
    await expectAll(values(0, 800));
  });

  it("while others write, read and are killed: nothing is lost, doubled or out of order", async () => {
    const { pool } = log.facts.database;
    const written: string[] = [];
    let stopping = false;
    const some = async () => {
      const until = written.length + 400;
      await expect.poll(() => written.length, quick).toBeGreaterThan(until);
    };
    const writing = (async () => {
      while (!stopping) {
        const next = values(written.length, written.length + 20);
        await log.emit(...next);
        written.push(...next);
      }
    })();
    const victim = spawnConsumer();
    const consumer = consume(20);
    await some();
    await splitPartitions(pool, 32);
    await some();
    victim.kill("SIGKILL");
    await some();
    await splitPartitions(pool, 64);
    spawnConsumer();
    await some();
    stopping = true;
    await writing;
    await expect.poll(begun).toBe(48);
    await consumer.settled();
    await expectAll(written);
  });

  it("they are split between the transactions of writers, so none writes by the number of before afterwards", async () => {
    const { pool } = log.facts.database;
    const held = await pool.connect();
    await held.query("begin; select events.append('{3}', '{test.added.v1}', '{k}', '{\"\"}', '{null}')");
    try {
      const splitting = splitPartitions(pool, 32);
      await waiting(pool, 1);
      expect(await readPartitioning(pool)).toHaveLength(1);
      await held.query("commit");
      expect(await splitting).toBe(true);
    } finally {
      held.release(true);
    }
    expect(await readPartitioning(pool)).toEqual([
      { since: 0, partitions: 16 },
      { since: 1, partitions: 32 },
    ]);
  });

  it("a process that does not know of splits keeps the partitions as they are", async () => {
    const { pool } = log.facts.database;
    await pool.query("insert into lease.process values (gen_random_uuid(), now() + interval '1 hour')");
    await expect(splitPartitions(pool, 32)).rejects.toMatchObject({
      reason: "PARTITIONS_UNKNOWN_TO_PROCESSES",
    });
    await pool.query("delete from lease.process where not knows_splits");
    expect(await splitPartitions(pool, 32)).toBe(true);
    // What it would do is tried again by whoever handles events, and parks none of them.
    const append = "select events.append('{1}', '{t}', '{k}', array[''::bytea], '{null}')";
    ("}', '{null}')");
    await expect(pool.query(append)).rejects.toMatchObject({ code: "55P03" });
  });

  it("a group without members is behind in all partitions, also when they were split before the first event", async () => {
    const consumer = consume();
    await consumer.settled();
    await consumer.stop();
    await splitPartitions(log.facts.database.pool, 32, { elsewhere: log.pools });
    await log.emit(...values(0, 200));
    await log.carried();
    expect(await readAllLag(log.pools)).toMatchObject([{ records: 200 }]);
    await consume().settled();
    await expectAll(values(0, 200));
  });

  it("dead letters of one key are replayed in their order, whichever partitions they are in", async () => {
    const { pool } = log.facts.database;
    await log.emit(...values(0, 40));
    await splitPartitions(pool, 32, { elsewhere: log.pools });
    await log.emit(...values(40, 80));
    await log.carried();
    const consumers = [consume(), consume()];
    for (const consumer of consumers) await consumer.settled();
    await expect.poll(begun, quick).toBe(16);
    await log.pool.query("truncate test.effect");
    const { rows } = await pool.query("select * from events.log order by position desc");
    const origin = await readOrigin(pool);
    for (const { partition, position, type, key, payload, at } of rows)
      await log.pool.query(
        `insert into events.dead (group_name, origin, position, partition, type, key, payload, at, reason, attempts)
         values ('test', $1, $2, $3, $4, $5, $6, $7, '', 5)`,
        [origin, position, partition, type, key, payload, at],
      );
    await replay(log.pool, { group: "test" });
    await expect.poll(log.effects, quick).toHaveLength(80);
    await expectAll(values(0, 80));
  });

  it("a group that begins later, at the start or at the end, gets what it is to get", async () => {
    await log.emit(...values(0, 100));
    await splitPartitions(log.facts.database.pool, 32);
    await log.emit(...values(100, 200));
    await log.carried();
    const late = log.join().events.consume({
      group: "late",
      types: [added],
      from: "end",
      handle: async () => {
        throw new Error("nothing is new");
      },
    });
    await late.settled();
    await late.stop();
    await consume(3).settled();
    await expectAll(values(0, 200));
  });

  it("old events stay until they were handled, in whichever partition", async () => {
    const { pool } = log.facts.database;
    const elsewhere = log.pools.filter((other) => other !== pool);
    const consumer = consume();
    await log.emit("a:1");
    await consumer.settled();
    await consumer.stop();
    await splitPartitions(pool, 32);
    await log.emit(...values(0, 80));
    // As if the group had not been told.
    await log.pool.query("delete from events.consumer where parent is not null");
    await pool.query("update events.log set at = at - interval '8 days'");
    expect(await sweepLog(pool, 86_400_000, { elsewhere })).toBe(1);
    await consume().settled();
    await expect.poll(log.effects, quick).toHaveLength(81);
    await expectAll(["a:1", ...values(0, 80)]);
  });
}

it("a number that does not split all of them evenly is refused, and the same again changes nothing", async () => {
  const log = await openTableLog();
  const { pool } = log.facts.database;
  for (const wrong of [0, 8, 24, 512, -32])
    await expect(splitPartitions(pool, wrong)).rejects.toMatchObject({ reason: "PARTITIONS_INVALID" });
  expect(await splitPartitions(pool, 16)).toBe(false);
  expect(await splitPartitions(pool, 32)).toBe(true);
  expect(await splitPartitions(pool, 64)).toBe(true);
  expect(await splitPartitions(pool, 64)).toBe(false);
  await expect(splitPartitions(pool, 96)).rejects.toMatchObject({ reason: "PARTITIONS_INVALID" });
  // A process that computes partitions itself, of 16.
  await expect(
    pool.query("select events.append('{3}', '{test.added.v1}', '{k}', '{\"\"}', '{null}')"),
  ).rejects.toThrow("version");
  await log.close();
});
