import { afterEach, beforeEach, expect, test } from "vitest";
import { type Database, openDatabase } from "../db/database.ts";
import { migrate } from "../db/migrate.ts";
import { migrations as leaseMigrations } from "../lease/migrations.ts";
import { type ProcessLease, startLease } from "../lease/process-lease.ts";
import { createLog } from "../observe/log.ts";
import { createTestDatabaseFrom, type TestDatabase } from "../testing/test-database.ts";
import { type LeasedIds, leaseIds, migrations, raiseFloor } from "./node-lease.ts";
import { timeOfId } from "./snowflake.ts";

const log = createLog("silent");
const lost = expect.objectContaining({ kind: "unavailable", reason: "NODE_LEASE_LOST" });
let own: TestDatabase;
let database: Database;
const leases: LeasedIds[] = [];
const processes: ProcessLease[] = [];

beforeEach(async () => {
  own = await createTestDatabaseFrom("ids_lease", async (url) => {
    const fresh = openDatabase(url, { log });
    await migrate(fresh, "lease", leaseMigrations);
    await migrate(fresh, "ids", migrations);
    await fresh.close();
  });
  database = openDatabase(own.url, { log });
});
afterEach(async () => {
  await Promise.all(leases.splice(0).map((lease) => lease.release().catch(() => {})));
  await Promise.all(processes.splice(0).map((lease) => lease.release()));
  await database.close();
  await own.drop();
});

/** A separate process that makes ids. */
async function lease(
  nowMs = Date.now,
  quick: { beatMs?: number; reserveMs?: number } = {},
): Promise<LeasedIds> {
  const process = startLease(database.pool, { log, leaseMs: 600_000, ...quick });
  processes.push(process);
  const leased = await leaseIds(database.pool, { lease: process, log, nowMs, ...quick });
  leases.push(leased);
  return leased;
}
const run = (sql: string) => database.pool.query(sql);
/** The rows of a process that died: its lease has expired, nothing else is cleaned up. */
const expire = (node: number) =>
  run(`update ids.node_lease set owner = gen_random_uuid() where node = ${node}`);
/** Gives nodes to a process that lives for an hour. */
const occupy = (which: string) =>
  run(`with other as (
         insert into lease.process (id, expires_at) values (gen_random_uuid(), now() + interval '1 h') returning id
       )
       update ids.node_lease set owner = (select id from other) where ${which}`);

test("many leases at once never share a node", async () => {
  const all = await Promise.all(Array.from({ length: 60 }, () => lease()));
  expect(new Set(all.map(({ node }) => node)).size).toBe(60);
  const ids = all.flatMap(({ next }) => [next(), next()]);
  expect(new Set(ids).size).toBe(120);
});

test("ids later than a time are made as far ahead as is promised, and no further", async () => {
  const { next } = await lease();
  const aheadMs = Date.now() + 20_000;
  expect(timeOfId(next(aheadMs))).toBe(aheadMs + 1);
  expect(() => next(Date.now() + 40_000)).toThrow(lost);
  expect(timeOfId(next())).toBe(aheadMs + 1);
});

test("if all numbers are taken, the refusal says so; an expired one is taken again", async () => {
  await occupy("true");
  await expect(lease()).rejects.toMatchObject({ kind: "unavailable", reason: "NO_NODE_LEFT" });
  await expire(517);
  expect((await lease()).node).toBe(517);
});

test("the number unused for longest is taken first", async () => {
  const first = await lease();
  first.next();
  await first.release();
  expect((await lease()).node).not.toBe(first.node);
});

test("a process that was killed and a clock set back by an hour: ids go on above the old ones", async () => {
  let clockMs = Date.now();
  const before = await lease(() => clockMs);
  clockMs += 7_000;
  const last = before.next();
  await expire(before.node);
  const after = await lease(() => clockMs - 3_600_000);
  expect(after.node).not.toBe(before.node);
  expect(BigInt(after.next())).toBeGreaterThan(BigInt(last));
});

test("the same number after a kill and a clock set back by a moment repeats nothing", async () => {
  let clockMs = Date.now();
  // Its heartbeat would look for another number.
  const before = await lease(() => clockMs, { beatMs: 600_000 });
  clockMs += 20_000;
  const last = before.next();
  await expire(before.node);
  await occupy(`node <> ${before.node}`);
  const after = await lease(() => clockMs - 1000);
  expect(after.node).toBe(before.node);
  expect(BigInt(after.next())).toBeGreaterThan(BigInt(last));
});

test.each([
  ["a second", 1000],
  ["an hour", 3_600_000],
])("after a stop in good order and a clock set back by %s, ids go on above the old ones, and just above", async (_name, backMs) => {
  const nowMs = Date.now();
  const before = await lease(() => nowMs);
  const last = before.next();
  await before.release();
  const after = await lease(() => nowMs - backMs);
  const next = after.next();
  expect(BigInt(next)).toBeGreaterThan(BigInt(last));
  expect(timeOfId(next) - nowMs).toBeLessThan(10);
});

test("a crash does not send the ids ahead of a clock that is right", async () => {
  const nowMs = Date.now();
  const before = await lease(() => nowMs);
  before.next();
  await expire(before.node);
  const after = await lease(() => nowMs + 1000);
  expect(timeOfId(after.next())).toBe(nowMs + 1000);
});

test("a released lease makes no more ids", async () => {
  const leased = await lease();
  leased.next();
  await leased.release();
  expect(() => leased.next()).toThrow(lost);
});

test("a clock past the reserved time makes no id", async () => {
  let clockMs = Date.now();
  const leased = await lease(() => clockMs);
  clockMs += 29_000;
  leased.next();
  clockMs += 2_000;
  expect(() => leased.next()).toThrow(lost);
});

test("a database that cannot be reached: ids for as long as the lease is ours, none after, and again when it is back", async () => {
  let clockMs = Date.now();
  const leased = await lease(() => clockMs, { reserveMs: 600, beatMs: 50 });
  await run("alter table ids.node_lease rename to gone");
  leased.next();
  clockMs += 600;
  expect(refusalOf(leased)).toEqual(lost);
  await run("alter table ids.gone rename to node_lease");
  await expect.poll(() => refusalOf(leased), { interval: 10 }).toBeUndefined();
});

test("a number that somebody else holds is not used again, another one is", async () => {
  let clockMs = Date.now();
  const leased = await lease(() => clockMs, { reserveMs: 1_000, beatMs: 50 });
  const before = leased.node;
  const last = leased.next();
  await occupy(`node = ${before}`);
  // More is to be reserved.
  clockMs += 500;
  await expect.poll(() => leased.node, { interval: 10 }).not.toBe(before);
  await expect.poll(() => refusalOf(leased), { interval: 10 }).toBeUndefined();
  expect(BigInt(leased.next())).toBeGreaterThan(BigInt(last));
});

function refusalOf(leased: LeasedIds): unknown {
  try {
    leased.next();
    return undefined;
  } catch (error) {
    return error;
  }
}

test("in a database that has gone back, no id is of a time before that was known", async () => {
  const knownMs = Date.now() + 3_600_000;
  await raiseFloor(database.pool, knownMs);
  await raiseFloor(database.pool);
  const [one, other] = [await lease(), await lease()];
  for (const { next } of [one, other]) expect(timeOfId(next())).toBeGreaterThanOrEqual(knownMs);
});
