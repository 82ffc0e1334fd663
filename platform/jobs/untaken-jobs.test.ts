import { randomUUID } from "node:crypto";
import { expect, test } from "vitest";
import { createModuleDatabase } from "../testing/module-database.ts";
import { type JobTables, wholeJobTable } from "./job-table.ts";
import { countUntaken } from "./untaken-jobs.ts";

test("jobs are untaken when they are due for long and nobody works on any: neither a worker elsewhere nor a process", async () => {
  const own = await createModuleDatabase<JobTables>("untaken", "1", {
    "0001-jobs": wholeJobTable("untaken"),
  });
  const { pool } = own.database;
  try {
    const count = () => countUntaken(pool, "untaken", ["bake", "boil"]);
    const put = (key: string, dueFor: string, more = "null") =>
      pool.query(`insert into untaken.job (kind, key, run_at, lease_owner)
        values ('bake', '${key}', now() - interval '${dueFor}', ${more})`);
    await put("just now", "1 s");
    await pool.query(
      "insert into untaken.job (kind, key, run_at) values ('fry', 'x', now() - interval '1 h')",
    );
    expect(await count()).toBe(0);
    await put("old", "1 h");
    expect(await count()).toBe(1);
    // A worker elsewhere is at another one, until its lease ends.
    await put("leased", "-10 s", `'${randomUUID()}'`);
    expect(await count()).toBe(0);
    await pool.query("update untaken.job set run_at = now() - interval '1 h' where key = 'leased'");
    expect(await count()).toBe(2);
    // A process is at it.
    await pool.query(`
      with process as (
        insert into lease.process (id, expires_at) values (gen_random_uuid(), now() + interval '1 h') returning id
      ) update untaken.job set lease_owner = process.id from process where key = 'leased'`);
    expect(await count()).toBe(0);
  } finally {
    await own.drop();
  }
});
