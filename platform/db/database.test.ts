import { sql } from "kysely";
import { expect, it } from "vitest";
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
