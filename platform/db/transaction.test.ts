import { type Kysely, sql } from "kysely";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createLog } from "#platform/observe/log.ts";
import { waiting } from "#platform/testing/held-up.ts";
import { createTestDatabase, type TestDatabase } from "#platform/testing/test-database.ts";
import { type Database, openDatabase } from "./database.ts";
import { afterCommit, inTransaction } from "./transaction.ts";

let test: TestDatabase;
let database: Database;
beforeEach(async () => {
  test = await createTestDatabase();
  database = openDatabase(test.url, { log: createLog("silent") });
});
afterEach(async () => {
  await database.close();
  await test.drop();
});

const lock = (on: Kysely<object>, ...keys: number[]) =>
  sql`select ${sql.join(keys.map((key) => sql`pg_advisory_xact_lock(${key})`))}`.execute(on);

/**
 * Makes `late`, which takes locks 1, 2 and 3 in this order, deadlock with a transaction that has 3 and wants 1. The
 * last one to wait checks for deadlocks and is rolled back, so lock 2 is kept from it until the other one waits.
 */
async function inACircle<T>(late: (db: Kysely<object>) => Promise<T>): Promise<T> {
  const { pool } = database;
  const [other, gate] = [await pool.connect(), await pool.connect()];
  try {
    await gate.query("begin; select pg_advisory_xact_lock(2)");
    await other.query("set deadlock_timeout = '1h'; begin; select pg_advisory_xact_lock(3)");
    const outcome = late(database.of("public"));
    outcome.catch(() => {});
    await waiting(pool, 1);
    const both = other.query("select pg_advisory_xact_lock(1)");
    await waiting(pool, 2);
    await gate.query("commit");
    await both;
    await other.query("commit");
    return await outcome;
  } finally {
    gate.release(true);
    other.release(true);
  }
}

it("a deadlocked transaction is retried", async () => {
  let attempts = 0;
  const done = await inACircle((db) =>
    inTransaction(db, async (transaction) => {
      attempts++;
      for (const key of [1, 2, 3]) await lock(transaction, key);
      return "done";
    }),
  );
  expect([done, attempts]).toEqual(["done", 2]);
});

it("so is a single statement", async () => {
  await inACircle((db) => lock(db, 1, 2, 3));
});

it("a statement within a transaction is not", async () => {
  const plain = inACircle((db) => db.transaction().execute((transaction) => lock(transaction, 1, 2, 3)));
  await expect(plain).rejects.toMatchObject({ code: "40P01" });
});

it("an after-commit action runs once, when others see the commit, and never after a rollback", async () => {
  await sql`create table done (what text)`.execute(database.of("public"));
  const seen: unknown[] = [];
  const look = () => seen.push(database.pool.query("select what from done").then(({ rows }) => rows));
  let attempts = 0;
  await inACircle((db) =>
    inTransaction(db, async (transaction) => {
      attempts++;
      await sql`insert into done values ('it')`.execute(transaction);
      afterCommit(transaction, look);
      for (const key of [1, 2, 3]) await lock(transaction, key);
      expect(seen).toEqual([]);
    }),
  );
  expect(attempts).toBe(2);
  expect(await Promise.all(seen)).toEqual([[{ what: "it" }]]);
  const failed = inTransaction(database.of("public"), async (transaction) => {
    afterCommit(transaction, look);
    throw new Error("changed my mind");
  });
  await expect(failed).rejects.toThrow("changed my mind");
  expect(seen).toHaveLength(1);
  afterCommit(database.of("public"), look);
  expect(seen).toHaveLength(2);
  // Else it would wait for a connection that the end of the pool keeps from it.
  await Promise.all(seen);
});

it("a transaction without after-commit actions refuses one instead of losing it", async () => {
  const plain = database
    .of("public")
    .transaction()
    .execute(async (transaction) => afterCommit(transaction, () => {}));
  await expect(plain).rejects.toThrow("not a transaction of inTransaction");
});
