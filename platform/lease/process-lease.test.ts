import { afterEach, beforeEach, expect, test } from "vitest";
import { type Database, openDatabase } from "../db/database.ts";
import { migrate } from "../db/migrate.ts";
import { createLog } from "../observe/log.ts";
import { patienceMs } from "../testing/patience.ts";
import { silentProxy } from "../testing/silent-proxy.ts";
import { createTestDatabaseFrom, type TestDatabase } from "../testing/test-database.ts";
import { migrations } from "./migrations.ts";
import { type LeaseOptions, type ProcessLease, startLease } from "./process-lease.ts";

const log = createLog("silent");
let own: TestDatabase;
let database: Database;
const leases: ProcessLease[] = [];

beforeEach(async () => {
  own = await createTestDatabaseFrom("lease", async (url) => {
    const fresh = openDatabase(url, { log });
    await migrate(fresh, "lease", migrations);
    await fresh.close();
  });
  database = openDatabase(own.url, { log });
});
afterEach(async () => {
  // The shorter a lease, the less time its database has to answer.
  await Promise.all(leases.splice(0).map((lease) => lease.release().catch(() => {})));
  await database.close();
  await own.drop();
});

function start(options: Partial<LeaseOptions> = {}): ProcessLease {
  const lease = startLease(database.pool, { log, leaseMs: 600_000, beatMs: 20, ...options });
  leases.push(lease);
  return lease;
}
async function started(options: Partial<LeaseOptions> = {}): Promise<ProcessLease> {
  const lease = start(options);
  await taken(lease);
  return lease;
}
/** Of a short lease, on a busy machine, at the next try. */
function taken(lease: ProcessLease) {
  return expect.poll(() => lease.taken().catch(() => "slow")).toBeUndefined();
}
async function rows(): Promise<string[]> {
  const { rows } = await database.pool.query<{ id: string }>("select id from lease.process order by id");
  return rows.map(({ id }) => id);
}
/** The row of a process that died some time ago. */
async function dead(age: string): Promise<string> {
  const { rows } = await database.pool.query<{ id: string }>(
    "insert into lease.process values (gen_random_uuid(), now() - $1::interval) returning id",
    [age],
  );
  return rows[0]!.id;
}
const sorted = (...all: ProcessLease[]) => all.map(({ id }) => id).sort();

test("processes know of each other, and one that stops leaves nothing", async () => {
  const [a, b] = [await started(), await started()];
  expect(await rows()).toEqual(sorted(a, b));
  expect(b.others()).toBe(1);
  await a.release();
  expect(await rows()).toEqual([b.id]);
});

test("an expired lease is removed by the next heartbeat of another process, and not before", async () => {
  const alive = await started({ leaseMs: 60 });
  const young = await dead("-1 hour");
  const old = await dead("1 ms");
  await expect.poll(rows).not.toContain(old);
  expect(await rows()).toContain(young);
  expect(await rows()).toContain(alive.id);
});

test("a process renews only when a third of its lease has passed, and writes nothing in between", async () => {
  let beats = 0;
  const lease = await started();
  const written = async () => {
    const { rows } = await database.pool.query("select xmin::text, expires_at from lease.process");
    return rows;
  };
  const before = await written();
  lease.onHeartbeat(async () => void beats++);
  await expect.poll(() => beats).toBeGreaterThan(5);
  expect(await written()).toEqual(before);
  const short = await started({ leaseMs: 300 });
  const until = async () =>
    (await database.pool.query("select expires_at from lease.process where id = $1", [short.id])).rows[0]
      ?.expires_at;
  const first = await until();
  await expect.poll(until).not.toEqual(first);
});

test("a process taken for dead continues under a new id, which is in the database before anybody sees it", async () => {
  const lease = await started({ leaseMs: 60 });
  const before = lease.id;
  const seen = new Set<string>();
  lease.onHeartbeat(async () => {
    seen.add(lease.id);
    if (lease.id !== before) expect(await rows()).toContain(lease.id);
  });
  await database.pool.query("delete from lease.process");
  await expect.poll(() => lease.id).not.toBe(before);
  await expect.poll(() => seen).toContain(lease.id);
  // A row whose answer came too late expires.
  await expect.poll(rows).toEqual([lease.id]);
});

test("after an outage a process does not take the others for dead before they could renew", async () => {
  const late = await started({ leaseMs: 150 });
  await database.pool.query("alter table lease.process rename to gone");
  const others = await database.pool.query<{ id: string }>(
    "insert into lease.gone values (gen_random_uuid(), now()) returning id",
  );
  const { rows: until } = await database.pool.query("select now() + interval '300 ms' as over");
  const over = async () =>
    (await database.pool.query("select now() > $1 as over", [until[0].over])).rows[0].over;
  await expect.poll(over, { interval: 10 }).toBe(true);
  // Noted by the renewal itself, since the next one may be just after.
  await database.pool.query(`
    create table public.left_by_renewal (n int generated always as identity, other boolean);
    create function public.note() returns trigger language plpgsql as $$ begin
      insert into public.left_by_renewal (other)
        select exists (select from lease.process where id = '${others.rows[0]!.id}');
      return null; end $$;
    create trigger note after update on lease.gone for each row execute function public.note()`);
  await database.pool.query("alter table lease.gone rename to process");
  await expect.poll(rows).toEqual([late.id]);
  const { rows: left } = await database.pool.query(
    "select other from public.left_by_renewal order by n limit 1",
  );
  expect(left).toEqual([{ other: true }]);
});

test("alone, all leftover leases are dead at once", async () => {
  await dead("-1 hour");
  await dead("1 hour");
  const lease = await started({ alone: true });
  expect(await rows()).toEqual([lease.id]);
  expect(lease.others()).toBe(0);
});

test("a database that is away at first: the lease is taken when it is back", async () => {
  await database.pool.query("alter table lease.process rename to gone");
  const lease = start();
  await expect(lease.taken()).rejects.toThrow(/does not exist/);
  await database.pool.query("alter table lease.gone rename to process");
  await expect.poll(rows).toEqual([lease.id]);
});

test("a process whose other connections are all taken for longer than its lease keeps it", async () => {
  const leaseMs = 3_000;
  const full = openDatabase(own.url, { log, maxConnections: 1, connectTimeoutMs: patienceMs });
  const lease = startLease(full.pool, { log, leaseMs, beatMs: 20 });
  leases.push(lease);
  await taken(lease);
  const { id } = lease;
  const only = await full.pool.connect();
  const waiting = full.pool.query("select 1");
  const { rows: first } = await only.query("select expires_at from lease.process where id = $1", [id]);
  // Renewed by when the one of before is over.
  const renewed = async () => {
    const { rows } = await only.query(
      "select expires_at > $2::timestamptz + $3 * interval '1 ms' as renewed from lease.process where id = $1",
      [id, first[0].expires_at, leaseMs],
    );
    return rows[0]?.renewed;
  };
  await expect.poll(renewed).toBe(true);
  expect(lease.id).toBe(id);
  expect(full.pool.waitingCount).toBe(1);
  only.release();
  await waiting;
  await lease.release();
  await full.close();
});

test("one call of an act at a time, and none after its end", async () => {
  const lease = await started();
  let running = 0;
  let most = 0;
  let calls = 0;
  const end = lease.onHeartbeat(async () => {
    calls++;
    most = Math.max(most, ++running);
    await database.pool.query("select pg_sleep(0.05)");
    running--;
    throw new Error("not that one again");
  });
  await expect.poll(() => calls).toBeGreaterThan(2);
  expect(most).toBe(1);
  end();
  await expect.poll(() => running).toBe(0);
  const before = calls;
  let beats = 0;
  lease.onHeartbeat(async () => void beats++);
  await expect.poll(() => beats).toBeGreaterThan(3);
  expect(calls).toBe(before);
});

test("a database that nobody reaches does not hold the heartbeat up", async () => {
  const proxy = await silentProxy(own.url);
  const silent = openDatabase(proxy.url, { log });
  const lease = startLease(silent.pool, { log, leaseMs: 60, beatMs: 20 });
  await taken(lease);
  proxy.goSilent();
  let beats = 0;
  lease.onHeartbeat(async () => void beats++);
  await expect.poll(() => beats).toBeGreaterThan(1);
  proxy.close();
  await expect(lease.release()).rejects.toThrow();
  await silent.close();
});
