import pg from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { added, type EventLog, openEventLog, writeEffects } from "#platform/testing/event-log.ts";
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
