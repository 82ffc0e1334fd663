import { expect, test } from "vitest";
import { openDatabase } from "../db/database.ts";
import { createLog } from "../observe/log.ts";
import { createMetrics } from "../observe/metrics.ts";
import { createTestDatabase } from "../testing/test-database.ts";
import { exportDeadJobs, readDeadJobs, retryDeadJobs } from "./dead-jobs.ts";
import { wholeJobTable } from "./job-table.ts";

test("dead jobs are counted by kind, shown as a metric, and retried when an operator says so", async () => {
  const own = await createTestDatabase();
  const database = openDatabase(own.url, { log: createLog("silent") });
  const { pool } = database;
  try {
    // One of them is a word of SQL.
    for (const schema of ["one", '"user"', "none"]) await pool.query(`create schema ${schema}`);
    for (const schema of ["one", '"user"']) await pool.query(wholeJobTable(schema));
    const schemas = ["one", "user", "none", "unmade"];
    const metrics = createMetrics();
    exportDeadJobs(metrics, () => [pool], schemas);
    const shown = async () =>
      (await metrics.registry.getSingleMetricAsString("douya_jobs_dead"))
        .split("\n")
        .filter((line) => line && !line.startsWith("#"));
    expect(await shown()).toEqual([]);
    await pool.query(`
      insert into one.job (kind, key, dead, attempts, last_error) values
        ('send', 'a', true, 3, 'lost'), ('send', 'b', true, 3, 'lost'), ('send', 'c', false, 1, 'late'),
        ('burn', 'a', true, 3, 'wet');
      insert into "user".job (kind, key, dead, attempts, last_error) values ('send', 'a', true, 3, 'gone')`);
    expect(await readDeadJobs(pool, schemas)).toEqual([
      { kind: "one.burn", count: 1, lastError: "wet" },
      { kind: "one.send", count: 2, lastError: "lost" },
      { kind: "user.send", count: 1, lastError: "gone" },
    ]);
    expect(await shown()).toEqual([
      'douya_jobs_dead{kind="one.burn"} 1',
      'douya_jobs_dead{kind="one.send"} 2',
      'douya_jobs_dead{kind="user.send"} 1',
    ]);
    expect(await retryDeadJobs(pool, schemas)).toBe(4);
    expect(await shown()).toEqual([]);
    const { rows } = await pool.query("select key, attempts from one.job where kind = 'send' order by key");
    expect(rows.map(({ key, attempts }) => `${key} ${attempts}`)).toEqual(["a 0", "b 0", "c 1"]);
  } finally {
    await database.close();
    await own.drop();
  }
});
