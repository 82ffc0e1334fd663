import { type Kysely, sql } from "kysely";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createLog } from "#platform/observe/log.ts";
import { type SilentProxy, silentProxy } from "#platform/testing/silent-proxy.ts";
import { createTestDatabase, type TestDatabase } from "#platform/testing/test-database.ts";
import { type Database, openDatabase } from "./database.ts";
import { setStatementTimeout } from "./statement-timeout.ts";
import { inTransaction } from "./transaction.ts";

let test: TestDatabase;
let proxy: SilentProxy;
let database: Database;
let db: Kysely<object>;
beforeEach(async () => {
  test = await createTestDatabase();
  proxy = await silentProxy(test.url);
  database = openDatabase(proxy.url, { log: createLog("silent"), answerTimeoutMs: 300 });
  db = database.of("public");
  // The connection is there, also on a busy machine.
  await expect.poll(() => sql`select 1`.execute(db).catch(() => "slow")).not.toBe("slow");
});
afterEach(async () => {
  await database.close();
  proxy.close();
  await test.drop();
});
const unavailable = { kind: "unavailable", reason: "DATABASE_UNAVAILABLE" };

it("a statement that nobody answers ends, and its connection is not used again", async () => {
  proxy.goSilent();
  await expect(sql`select 1`.execute(db)).rejects.toMatchObject(unavailable);
  await expect.poll(() => database.pool.totalCount).toBe(0);
});

it("so does a transaction, which does not wait for its rollback too", async () => {
  const written = inTransaction(db, async (transaction) => {
    await sql`select 1`.execute(transaction);
    proxy.goSilent();
    await sql`select 2`.execute(transaction);
  });
  await expect(written).rejects.toMatchObject(unavailable);
  await expect.poll(() => database.pool.totalCount).toBe(0);
});

it("so does one outside of modules' databases", async () => {
  proxy.goSilent();
  await expect(database.pool.query("select 1")).rejects.toThrow("Query read timeout");
  await expect.poll(() => database.pool.totalCount).toBe(0);
});

it("a transaction that may take longer is awaited longer, and the next one is not", async () => {
  const patient = () =>
    inTransaction(db, async (transaction) => {
      await setStatementTimeout(transaction, 0);
      await sql`select pg_sleep(0.6)`.execute(transaction);
      await sql`select pg_sleep(0.6)`.execute(transaction);
      return "done";
    });
  // What comes before it may take longer is slow on a busy machine.
  await expect.poll(() => patient().catch(() => "slow")).toBe("done");
  await expect(
    inTransaction(db, (transaction) => sql`select pg_sleep(3600)`.execute(transaction)),
  ).rejects.toMatchObject(unavailable);
});
