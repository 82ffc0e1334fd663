import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { expect, onTestFinished, test } from "vitest";
import { lockKey } from "#platform/db/migrate.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import { createTestDatabase } from "#platform/testing/test-database.ts";
import { startProgram } from "./harness/program.ts";
import { until, within } from "./harness/within.ts";

test("a process that waits for a migration of somebody else ends when it is told to, and leaves nothing", async () => {
  const folder = await mkdtemp(join(tmpdir(), "douya-starting-"));
  const own = await createTestDatabase();
  const other = new pg.Client({ connectionString: own.url });
  await other.connect();
  const env = { DOUYA_DATA: folder, DOUYA_DATABASE_URL: own.url, DOUYA_PORT: "0" };
  const start = () => startProgram(["serve"], env);
  onTestFinished(async () => {
    await other.end();
    await own.drop();
    await rm(folder, { recursive: true, force: true });
  });
  const first = start();
  await first.printed(/Stop {5}Ctrl-C/);
  await first.stop();
  // Another process migrates, and takes its time.
  await other.query(`select pg_advisory_lock(${lockKey})`);
  const program = start();
  onTestFinished(() => program.stop());
  await until("it waits", async () => {
    // Not one of another test, whose database is on the same server.
    const { rows } = await other.query(
      `select from pg_stat_activity where datname = current_database()
         and query like '%pg_try_advisory_lock%' and pid <> pg_backend_pid()`,
    );
    return rows.length > 0;
  });
  program.signal("SIGTERM");
  const { code } = await within(program.ended, () => program.output());
  expect(code, program.output()).toBe(0);
  expect(program.output()).toContain("Stopped before it was ready.");
  const alive = await queryOnce(own.url, "select from lease.process where expires_at > now()");
  expect(alive).toEqual([]);
});
