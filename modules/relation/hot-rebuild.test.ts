import { afterAll, beforeAll, expect, test } from "vitest";
import { rebuildJob } from "#platform/jobs/rebuild.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { hotStore } from "./hot-store.ts";
import { migrations } from "./migrations.ts";
import type { Tables } from "./tables.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("relation", "1", migrations);
});
afterAll(() => own.drop());

test("a stop does not wait for the rebuild of the ranking, which then changes nothing", async () => {
  const { pool } = own.database;
  await pool.query("insert into relation.hot_user (user_id, won) values (7, 3)");
  await pool.query(`
    create function relation.slow() returns trigger language plpgsql as $$begin perform pg_sleep(60); return null; end$$;
    create trigger slow before delete on relation.hot_user for each statement execute function relation.slow()`);
  const stopping = new AbortController();
  const job = { id: "1", key: "1", attempt: 1, signal: stopping.signal, traceId: "", finish: async () => {} };
  const rebuilt = rebuildJob(own.db, hotStore(own.db, Date.now).rebuild).run(job);
  const outcome = expect(rebuilt).rejects.toMatchObject({ name: "AbortError" });
  const asleep = "select from pg_stat_activity where datname = current_database() and wait_event = 'PgSleep'";
  await expect.poll(async () => (await pool.query(asleep)).rows.length).toBe(1);
  stopping.abort();
  await outcome;
  expect((await pool.query("select won from relation.hot_user")).rows).toEqual([{ won: "3" }]);
});
