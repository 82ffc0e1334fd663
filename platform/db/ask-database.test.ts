import { expect, test } from "vitest";
import { createLog } from "../observe/log.ts";
import { createTestDatabase } from "../testing/test-database.ts";
import { askDatabase } from "./ask-database.ts";
import { openDatabase } from "./database.ts";

test("a silent database is reported in time, by one query for all callers, and its return at once", async () => {
  const own = await createTestDatabase();
  const database = openDatabase(own.url, { log: createLog("silent"), maxConnections: 1 });
  const { pool } = database;
  const down = askDatabase(pool, 50);
  const holder = await pool.connect();
  try {
    expect(await Promise.all([down(), down(), down()])).toEqual(
      Array(3).fill("the database does not answer"),
    );
    expect(await down()).toBe("the database does not answer");
    expect(pool.waitingCount).toBe(1);
    holder.release();
    await expect.poll(down).toBe(undefined);
  } finally {
    await database.close();
    await own.drop();
  }
  expect(await down()).toBe("the database cannot be reached");
});
