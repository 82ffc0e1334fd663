import pg from "pg";
import { expect, test } from "vitest";
import { createTestDatabase, createTestDatabaseFrom } from "./test-database.ts";

async function run(url: string, sql: string) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

test("two databases are apart", async () => {
  const [a, b] = await Promise.all([createTestDatabase(), createTestDatabase()]);
  await run(a.url, "create table t (x int)");
  await run(b.url, "create table t (x int)");
  await run(a.url, "insert into t values (1)");
  expect(await run(b.url, "select * from t")).toEqual([]);
  await Promise.all([a.drop(), b.drop()]);
});

test("a template is migrated once, its clones are equal and apart", async () => {
  let migrations = 0;
  const migrate = async (url: string) => {
    migrations++;
    await run(url, "create table t (x int); insert into t values (7)");
  };
  const clones = await Promise.all(
    Array.from({ length: 4 }, () => createTestDatabaseFrom("own_test", migrate)),
  );
  expect(migrations).toBe(1);
  await run(clones[0]!.url, "delete from t");
  expect(await run(clones[1]!.url, "select x from t")).toEqual([{ x: 7 }]);
  await Promise.all(clones.map((clone) => clone.drop()));
});

test("a failed migration leaves no template behind", async () => {
  const failing = createTestDatabaseFrom("broken_test", () => Promise.reject(new Error("no such column")));
  await expect(failing).rejects.toThrow("no such column");
  const repaired = await createTestDatabaseFrom("broken_test", (url) =>
    run(url, "create table t ()").then(() => {}),
  );
  expect(await run(repaired.url, "select * from t")).toEqual([]);
  await repaired.drop();
});

test("dropping closes open connections", async () => {
  const database = await createTestDatabase();
  const client = new pg.Client({ connectionString: database.url });
  const cut = new Promise<Error>((resolve) => client.on("error", resolve));
  await client.connect();
  await database.drop();
  expect((await cut).message).toMatch(/terminat/i);
});
