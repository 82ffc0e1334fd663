import { setTimeout as delay } from "node:timers/promises";
import { sql } from "kysely";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { added, type EventLog, openEventLog, writeEffects } from "#platform/testing/event-log.ts";
import fc from "#platform/testing/property.ts";
import type { Consumer } from "../consumer/consumer.ts";

let log: EventLog;
const clients: pg.Client[] = [];
beforeEach(async () => {
  log = await openEventLog();
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.end();
  await log.close();
});

function consume(events = log.events): Consumer {
  return events.consume({ group: "test", types: [added], handle: writeEffects });
}

/** A transaction of somebody else's that stays open. */
async function openTransaction(...statements: string[]): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: log.url });
  await client.connect();
  clients.push(client);
  for (const statement of ["begin", ...statements]) await client.query(statement);
  return client;
}

/** `held` as `test.added.v1`, as the outbox writes it. */
const appendHeld = String.raw`select events.append('{3}', '{test.added.v1}', '{held}', '{"\\x0a0468656c64"}', '{null}')`;

async function stablePosition(): Promise<number> {
  const { rows } = await log.database.pool.query<{ horizon: string }>("select events.horizon() as horizon");
  return Number(rows[0]!.horizon);
}

describe("a transaction held open across later commits", () => {
  it("is not skipped, nor handled before it commits", async () => {
    const consumer = consume();
    await log.emit("before");
    const held = await openTransaction(appendHeld);
    await log.emit("after:1");
    await log.emit("after:2");
    await expect.poll(log.effects).toEqual(["before"]);
    // Looks at the log, each of which takes a connection, are the chances to run past it.
    let looks = 0;
    log.database.pool.on("acquire", () => looks++);
    await expect.poll(() => looks).toBeGreaterThan(20);
    expect(await log.effects()).toEqual(["before"]);
    await held.query("commit");
    await consumer.settled();
    expect((await log.effects()).sort()).toEqual(["after:1", "after:2", "before", "held"]);
  });

  it("delays nobody before it has written an event", async () => {
    const held = await openTransaction("insert into test.effect (event_position) values (0)");
    const consumer = consume();
    await log.emit("a:1");
    await consumer.settled();
    expect(await log.effects()).toEqual(["a:1"]);
    await held.query(appendHeld);
    await held.query("rollback");
  });

  it("delays nobody once its process is dead", async () => {
    const consumer = consume();
    const held = await openTransaction(appendHeld);
    await log.emit("a:1");
    held.on("error", () => {});
    const { rows } = await held.query("select pg_backend_pid() as pid");
    await log.database.pool.query("select pg_terminate_backend($1)", [rows[0].pid]);
    await consumer.settled();
    expect(await log.effects()).toEqual(["a:1"]);
  });
});

it("the stable position is below whatever may still be committed, also before the first event ever", async () => {
  expect(await stablePosition()).toBe(0);
  const first = await openTransaction(appendHeld);
  expect(await stablePosition()).toBe(0);
  const second = await openTransaction(appendHeld, appendHeld);
  await log.emit("a:1");
  await first.query("commit");
  expect(await stablePosition()).toBe(1);
  await second.query("rollback");
  expect(await stablePosition()).toBe(4);
});

it("positions beyond 32 bits are told by the lock as well", async () => {
  for (const start of [2 ** 31, 2 ** 32 + 5, 2 ** 47]) {
    await log.database.pool.query(`alter table events.log alter position restart with ${start}`);
    const held = await openTransaction(appendHeld);
    await log.emit("a:1");
    expect(await stablePosition()).toBe(start - 1);
    await held.query("commit");
    expect(await stablePosition()).toBe(start + 1);
  }
});

it("rolled-back events never appear", async () => {
  const consumer = consume();
  const failing = log.events.transaction(log.db, async (transaction, emit) => {
    emit(added, { value: "never" });
    await sql`insert into effect (event_position) values ('no number')`.execute(transaction);
  });
  await expect(failing).rejects.toThrow();
  const late = log.events.transaction(log.db, async (_, emit) => {
    emit(added, { value: "never" });
    throw new Error("after all");
  });
  await expect(late).rejects.toThrow("after all");
  await log.emit("a:1");
  await consumer.settled();
  expect(await log.effects()).toEqual(["a:1"]);
});

it("two that wait for each other both succeed, and each event is there once", async () => {
  await log.db
    .insertInto("effect")
    .values(["a", "b"].map((key) => ({ event_position: "0", key, value: key })))
    .execute();
  let holding = 0;
  let attempts = 0;
  const change = (first: string, second: string) =>
    log.events.transaction(log.db, async (transaction, emit) => {
      attempts++;
      emit(added, { value: `${first}:changed` });
      for (const key of [first, second]) {
        await transaction.updateTable("effect").set({ value: first }).where("key", "=", key).execute();
        // Until either holds what the other will want.
        holding++;
        await expect.poll(() => holding, { interval: 5 }).toBeGreaterThanOrEqual(2);
      }
    });
  await Promise.all([change("a", "b"), change("b", "a")]);
  // The one that was rolled back may take its lock again before the other wakes up.
  expect(attempts).toBeGreaterThanOrEqual(3);
  await log.db.deleteFrom("effect").execute();
  await consume().settled();
  expect((await log.effects()).sort()).toEqual(["a:changed", "b:changed"]);
});

it("facts without events write no event, and a batch keeps its order", async () => {
  await log.events.transaction(log.db, async () => {});
  expect(await stablePosition()).toBe(0);
  const values = Array.from({ length: 1500 }, (_, i) => `a:${i}`);
  const consumer = consume();
  await log.emit(...values);
  await consumer.settled();
  expect(await log.effects()).toEqual(values);
});

describe("with many writers at the same keys at once", () => {
  const write = fc.record({
    keys: fc.uniqueArray(fc.constantFrom("a", "b", "c", "d", "e"), { minLength: 1, maxLength: 3 }),
    pauseMs: fc.integer({ min: 0, max: 4 }),
    fails: fc.boolean(),
  });

  it("every committed event is handled once, and in the order of the facts of its key", async () => {
    await log.database.pool.query("create table test.counter (key text primary key, n int8 not null)");
    const members = [log, log.join()];
    const consumers = members.map(({ events }) => consume(events));
    await fc.assert(
      fc.asyncProperty(fc.array(write, { minLength: 20, maxLength: 60 }), async (writes) => {
        await log.database.pool.query("truncate test.counter, test.effect");
        await Promise.all(
          writes.map(async ({ keys, pauseMs, fails }, i) => {
            const { events, db } = members[i % 2]!;
            const work = events.transaction(db, async (transaction, emit) => {
              for (const key of keys.sort()) {
                const { rows } = await sql<{ n: string }>`
                  insert into test.counter as c (key, n) values (${key}, 1)
                  on conflict (key) do update set n = c.n + 1 returning n`.execute(transaction);
                emit(added, { value: `${key}:${rows[0]!.n}` });
                await delay(pauseMs);
              }
              if (fails) throw new Error("rolled back");
            });
            await work.catch((error) => expect(error.message).toBe("rolled back"));
          }),
        );
        await consumers[0]!.settled();
        const { rows } = await log.database.pool.query("select key, n from test.counter");
        const effects = await log.effects();
        for (const { key, n } of rows) {
          const expected = Array.from({ length: Number(n) }, (_, i) => `${key}:${i + 1}`);
          expect(effects.filter((value) => value.startsWith(`${key}:`))).toEqual(expected);
        }
        expect(effects.length).toBe(rows.reduce((sum, { n }) => sum + Number(n), 0));
      }),
      { numRuns: 8 },
    );
  });
});
