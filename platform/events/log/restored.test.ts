import { afterAll, beforeAll, expect, test } from "vitest";
import { type Database, openDatabase } from "#platform/db/database.ts";
import { migrate } from "#platform/db/migrate.ts";
import { migrations as leaseMigrations } from "#platform/lease/migrations.ts";
import { createLog } from "#platform/observe/log.ts";
import { type PrivateCluster, startPrivateCluster } from "#platform/testing/private-cluster.ts";
import { migrations } from "../migrations.ts";
import { leaveGap, leaveGapIfRestored } from "./restored.ts";

let cluster: PrivateCluster;
let database: Database;
beforeAll(async () => {
  cluster = await startPrivateCluster();
  database = openDatabase(cluster.url, { log: createLog("silent") });
  await migrate(database, "lease", leaseMigrations);
  await migrate(database, "events", migrations);
});
afterAll(async () => {
  await database?.close();
  await cluster?.remove();
});

const draw = async () =>
  Number((await database.pool.query("select nextval('events.log_position_seq') as drawn")).rows[0].drawn);

test("a database on another timeline leaves a gap in its positions, once, however many start together", async () => {
  expect(await leaveGapIfRestored(database.pool)).toBe(false);
  expect(await draw()).toBe(1);
  expect(await leaveGapIfRestored(database.pool)).toBe(false);
  expect(await draw()).toBe(2);
  await cluster.primary.kill();
  await cluster.replica.promote();
  await expect.poll(() => draw().catch(() => 0)).toBeGreaterThan(2);
  const starts = await Promise.all([1, 2, 3].map(() => leaveGapIfRestored(database.pool)));
  expect(starts.filter(Boolean)).toHaveLength(1);
  const drawn = await draw();
  expect(drawn).toBeGreaterThan(1_000_000_000);
  expect(drawn).toBeLessThan(1_000_001_000);
});

test("an operator says it of a database of which nobody can tell", async () => {
  const before = await draw();
  await leaveGap(database.pool);
  expect(await draw()).toBe(before + 1_000_000_001);
});
