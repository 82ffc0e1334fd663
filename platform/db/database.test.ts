import { sql } from "kysely";
import { describe, expect, it } from "vitest";
import { createLog } from "#platform/observe/log.ts";
import { createTestDatabase } from "#platform/testing/test-database.ts";
import { openDatabase } from "./database.ts";

it("survives the loss of a connection between two queries of a transaction", async () => {
  const test = await createTestDatabase();
  const database = openDatabase(test.url, { log: createLog("silent") });
  const cut = database
    .of("public")
    .transaction()
    .execute(async (transaction) => {
      const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(transaction);
      await database.pool.query("select pg_terminate_backend($1)", [rows[0]!.pid]);
      await expect.poll(() => sql`select 1`.execute(transaction).catch(() => "lost")).toBe("lost");
      await sql`select 1`.execute(transaction);
    });
  await expect(cut).rejects.toMatchObject({ reason: "DATABASE_UNAVAILABLE" });
  expect((await sql<{ one: number }>`select 1 as one`.execute(database.of("public"))).rows).toEqual([
    { one: 1 },
  ]);
  await database.close();
  await test.drop();
});

describe("statements that repeat", () => {
  async function oneConnection() {
    const test = await createTestDatabase();
    const database = openDatabase(test.url, { log: createLog("silent"), maxConnections: 1 });
    const db = database.of<{ thing: { id: number } }>("public");
    const prepared = async () =>
      (await database.pool.query("select count(*)::int as n from pg_prepared_statements")).rows[0].n;
    return {
      pool: database.pool,
      db,
      prepared,
      async close() {
        await database.close();
        await test.drop();
      },
    };
  }

  it("are planned once, and again when a concurrent migration has changed their columns", async () => {
    const { pool, db, prepared, close } = await oneConnection();
    await pool.query("create table thing (id int); insert into thing values (1)");
    const read = (on = db) => on.selectFrom("thing").selectAll().where("id", "=", 1).execute();
    for (let i = 0; i < 20; i++) expect(await read()).toEqual([{ id: 1 }]);
    expect(await prepared()).toBe(1);
    await pool.query("alter table thing add other int default 2");
    expect(await read()).toEqual([{ id: 1, other: 2 }]);
    await pool.query("alter table thing add third int default 3");
    // A transaction that lost its connection must be started again.
    const within = () => db.transaction().execute((transaction) => read(transaction));
    await expect(within()).rejects.toMatchObject({ kind: "unavailable" });
    expect(await within()).toEqual([{ id: 1, other: 2, third: 3 }]);
    await close();
  });

  it("are planned for recent ones, in a bounded number, whatever texts there are", async () => {
    const { db, pool, prepared, close } = await oneConnection();
    const isPlanned = async (text: string) => {
      const { rows } = await pool.query("select from pg_prepared_statements where statement like $1", [text]);
      return rows.length;
    };
    const counts: number[] = [];
    for (let i = 0; i < 450; i++) {
      for (let times = 0; times < 10; times++)
        await sql`select ${sql.raw(String(i))} + ${1}::int`.execute(db);
      await sql`select 'steady', ${1}::int`.execute(db);
      counts.push(await prepared());
    }
    expect(await isPlanned("select 449 +%")).toBe(1);
    // Under one name, or there would be two until the connection is replaced.
    expect(await isPlanned("select 'steady'%")).toBe(1);
    expect(Math.max(...counts)).toBe(400);
    expect(counts.at(-1)).toBeLessThan(100);
    await close();
  });

  it("have no plan kept when they are very long", async () => {
    const { db, prepared, close } = await oneConnection();
    const long = sql.raw(`'${"x".repeat(20_000)}'`);
    for (let times = 0; times < 20; times++) await sql`select ${long}, ${1}::int`.execute(db);
    expect(await prepared()).toBe(0);
    await close();
  });
});
