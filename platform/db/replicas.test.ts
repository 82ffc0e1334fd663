import { sql } from "kysely";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { createLog } from "#platform/observe/log.ts";
import { createMetrics } from "#platform/observe/metrics.ts";
import { type PrivateCluster, startPrivateCluster } from "#platform/testing/private-cluster.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import { exportConnections } from "./connection-metrics.ts";
import { type Database, openDatabase, type PerCall, perCall } from "./database.ts";
import { openReplica, type Position } from "./replica.ts";
import { serverAddresses } from "./server-addresses.ts";
import { inTransaction } from "./transaction.ts";

const log = createLog("silent");
let cluster: PrivateCluster;
/** Two processes. */
let database: Database;
let other: Database;
beforeAll(async () => {
  cluster = await startPrivateCluster();
  const options = { log, replicaUrls: [cluster.replica.url], answerTimeoutMs: 3_600_000 };
  database = openDatabase(cluster.url, options);
  other = openDatabase(cluster.url, options);
  await sql`create table plant (n int primary key)`.execute(database.of("public"));
});
afterAll(async () => {
  await Promise.all([database?.close(), other?.close()]);
  await cluster?.remove();
});
const inUse = (of = database) => expect.poll(() => of.replicas!.states()[0]!.problem).toBeUndefined();
const leftOut = (of = database) => expect.poll(() => of.replicas!.states()[0]!.problem).toBeDefined();
beforeEach(async () => {
  await inUse();
  await inUse(other);
});

interface Plants {
  plant: { n: number };
}
type Server = "primary" | "replica";
/** The numbers, and which server gave them. */
const plants = (of: Database): PerCall<() => Promise<{ from: Server; numbers: number[] }>> =>
  perCall(of.of<Plants>("public"), (db) => async () => {
    const { rows } = await sql<{ standby: boolean; numbers: number[] }>`
      select pg_is_in_recovery() as standby, coalesce(array_agg(n order by n), '{}') as numbers from plant`.execute(
      db,
    );
    return { from: rows[0]!.standby ? "replica" : "primary", numbers: rows[0]!.numbers };
  });
const call = { signal: new AbortController().signal };
const read = (of = database) => plants(of).reading(call)();
const add = (n: number, of = database) =>
  inTransaction(of.of<Plants>("public"), (transaction) =>
    transaction.insertInto("plant").values({ n }).execute(),
  );

test("what may be read from a replica is, and everything else goes to the primary", async () => {
  await expect.poll(async () => (await read()).from).toBe("replica");
  expect((await plants(database)(call)()).from).toBe("primary");
  expect((await plants(database).lasting()).from).toBe("primary");
  const writing = perCall(
    database.of<Plants>("public"),
    (db) => () => db.insertInto("plant").values({ n: -1 }).execute(),
  );
  await writing.reading(call)();
  expect((await read()).numbers).toContain(-1);
});

test("whoever has written reads it, in every process, whichever server answers", async () => {
  const servers = new Set<Server>();
  for (let n = 1; n <= 200; n++) {
    await add(n, n % 2 ? database : other);
    const [own, others] = await Promise.all([read(), read(other)]);
    expect(own.numbers).toContain(n);
    expect(others.numbers).toContain(n);
    servers.add(own.from);
  }
  expect(servers).toContain("replica");
});

test("a replica that is behind is not asked, and is again when it has caught up", async () => {
  await cluster.replica.stopReplay();
  for (let n = 1001; n <= 1020; n++) {
    await add(n);
    const { numbers, from } = await read(other);
    expect(numbers).toContain(n);
    expect(from).toBe("primary");
  }
  await leftOut();
  // Unknown while it is only slow to answer.
  await expect.poll(() => database.replicas!.states()[0]!.lagBytes).toBeGreaterThan(0);
  await cluster.replica.goOnReplaying();
  await inUse();
  await expect.poll(async () => (await read()).from).toBe("replica");
});

test("a replica that falls silent in the middle of a read is given up, and the primary answers", async () => {
  const { replica } = cluster;
  const slow = perCall(database.of<Plants>("public"), (db) => async () => {
    const { rows } = await sql<{ standby: boolean }>`
      select pg_is_in_recovery() as standby, case when pg_is_in_recovery() then pg_sleep(5) end`.execute(db);
    return rows[0]!.standby;
  });
  await expect.poll(async () => (await read()).from).toBe("replica");
  const answer = slow.reading(call)();
  await expect
    .poll(() => queryOnce(replica.url, "select pid from pg_stat_activity where wait_event = 'PgSleep'"))
    .toHaveLength(1);
  await replica.pause();
  expect(await answer).toBe(false);
  await leftOut();
  await replica.resume();
});

test("slow reads that have all connections to a replica hold up no others: the primary answers", async () => {
  const narrow = openDatabase(cluster.url, {
    log,
    replicaUrls: [cluster.replica.url],
    maxConnections: 2,
    connectTimeoutMs: 3_600_000,
    answerTimeoutMs: 3_600_000,
  });
  await inUse(narrow);
  // Both connections are there: who waited long for a new one would ask the primary.
  const both = async () => (await Promise.all([read(narrow), read(narrow)])).map(({ from }) => from);
  await expect.poll(both).toEqual(["replica", "replica"]);
  const holder = new pg.Client(cluster.replica.url);
  await holder.connect();
  await holder.query("select pg_advisory_lock(7)");
  const slow = perCall(
    narrow.of<Plants>("public"),
    (db) => () => sql`select pg_advisory_xact_lock_shared(7)`.execute(db),
  );
  const waiting = [1, 2].map(() => slow.reading(call)());
  const held = "select from pg_locks where locktype = 'advisory' and not granted";
  await expect.poll(async () => (await holder.query(held)).rowCount).toBe(2);
  const answers = await Promise.all(Array.from({ length: 10 }, () => read(narrow)));
  expect(answers.map(({ from }) => from)).toEqual(Array(10).fill("primary"));
  await holder.end();
  await Promise.all(waiting);
  await expect.poll(async () => (await read(narrow)).from).toBe("replica");
  await narrow.close();
});

test("a replica that is killed costs no read, and is used again when it is back", async () => {
  const { replica } = cluster;
  let stopped = false;
  let reads = 0;
  const load = Promise.all(
    Array.from({ length: 8 }, async () => {
      for (; !stopped; reads++) await read();
    }),
  );
  await expect.poll(() => reads).toBeGreaterThan(100);
  await replica.kill();
  await leftOut();
  const metrics = createMetrics();
  exportConnections(metrics, () => [{ name: "main", database }]);
  const shown = () => metrics.registry.getSingleMetricAsString("douya_replica_left_out");
  expect(await shown()).toMatch(/\{replica="\S+:\d+"\} 1$/m);
  const before = reads;
  await expect.poll(() => reads).toBeGreaterThan(before + 100);
  await replica.start();
  await inUse();
  expect(await shown()).toMatch(/\{replica="\S+:\d+"\} 0$/m);
  stopped = true;
  await load;
  await expect.poll(async () => (await read()).from).toBe("replica");
});

test("what a replica had replayed counts no more after it was restarted, however fast", async () => {
  const { primary, replica } = cluster;
  // Without the looks of every 300 ms, one of which might notice the restart.
  const [address] = serverAddresses(replica.url);
  const own = openReplica(address!, { max: 1 });
  try {
    await add(1100);
    const [now] = await queryOnce(
      primary.url,
      `select (select system_identifier::text from pg_control_system()) as system, 1 as timeline,
         (pg_current_wal_flush_lsn() - '0/0')::float8 as at`,
    );
    const position = now as unknown as Position;
    await expect
      .poll(async () => {
        await own.look(position);
        return own.problem();
      })
      .toBeUndefined();
    expect(await own.reaches(position)).toBe(true);
    // From the next start on, commits take effect an hour later.
    await queryOnce(replica.url, "alter system set recovery_min_apply_delay = '1h'");
    await replica.kill();
    await replica.start();
    const client = await own.pool.connect();
    try {
      const { rows } = await client.query<{ at: number }>(
        "select (pg_last_wal_replay_lsn() - '0/0')::float8 as at",
      );
      expect(rows[0]!.at).toBeLessThan(position.at);
      expect(await own.reaches(position)).toBe(false);
    } finally {
      client.release();
    }
  } finally {
    await own.close();
    await queryOnce(replica.url, "alter system reset recovery_min_apply_delay");
    await queryOnce(replica.url, "select pg_reload_conf()");
  }
  await expect.poll(async () => (await read()).from).toBe("replica");
});

test("a read ends with its call, also while a replica answers it", async () => {
  const caller = new AbortController();
  const endless = perCall(
    database.of<Plants>("public"),
    (db) => () => sql`select pg_sleep(3600)`.execute(db),
  );
  const answer = endless.reading({ signal: caller.signal })();
  answer.catch(() => {});
  const sleeping = () =>
    queryOnce(cluster.replica.url, "select pid from pg_stat_activity where wait_event = 'PgSleep'");
  await expect.poll(sleeping).toHaveLength(1);
  caller.abort(new Error("nobody waits any more"));
  await expect(answer).rejects.toThrow("nobody waits any more");
  await expect.poll(sleeping).toHaveLength(0);
});

test("a server that is a copy of another database is never read from", async () => {
  const stranger = await startPrivateCluster();
  const wrong = openDatabase(cluster.url, { log, replicaUrls: [stranger.replica.url] });
  try {
    await expect.poll(() => wrong.replicas!.states()[0]!.problem).toContain("another server");
    expect((await read(wrong)).from).toBe("primary");
  } finally {
    await wrong.close();
    await stranger.remove();
  }
});

test("a promoted replica is the primary, and what still follows the old one is not read from", async () => {
  const { primary, replica } = cluster;
  await primary.kill();
  await replica.promote();
  await expect
    .poll(() =>
      add(2001).then(
        () => "written",
        () => "not yet",
      ),
    )
    .toBe("written");
  expect(await read()).toMatchObject({ from: "primary", numbers: expect.arrayContaining([2001]) });
  await expect.poll(() => database.replicas!.states()[0]!.problem).toContain("primary");
});
