import { setTimeout as delay } from "node:timers/promises";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createLog } from "#platform/observe/log.ts";
import { cuttingProxy } from "#platform/testing/cutting-proxy.ts";
import { type PrivateCluster, startPrivateCluster } from "#platform/testing/private-cluster.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import { type Database, openDatabase } from "./database.ts";
import { watchPrimary } from "./primary.ts";
import { serverAddresses } from "./server-addresses.ts";
import { inTransaction } from "./transaction.ts";

const log = createLog("silent");
let cluster: PrivateCluster;
let database: Database;
beforeEach(async () => {
  cluster = await startPrivateCluster();
  // No answer is ever overdue, and nobody is refused because others wait for the new primary.
  database = openDatabase(cluster.url, {
    log,
    maxConnections: 4,
    answerTimeoutMs: 3_600_000,
    connectTimeoutMs: 3_600_000,
  });
  await sql`create table kept (n int primary key)`.execute(database.of("public"));
});
afterEach(async () => {
  await database.close();
  await cluster.remove();
});

const write = (n: number) =>
  inTransaction(database.of("public"), (transaction) =>
    sql`insert into kept values (${n})`.execute(transaction),
  );

/** Writes numbers from several sides until it is stopped; notes the reason of each that was not acknowledged. */
function writers(count: number) {
  const acknowledged: number[] = [];
  const refused = new Map<number, string>();
  let next = 0;
  let stopped = false;
  const done = Array.from({ length: count }, async () => {
    while (!stopped) {
      const n = next++;
      try {
        await write(n);
        acknowledged.push(n);
      } catch (error) {
        refused.set(n, (error as { reason: string }).reason);
        await delay(10);
      }
    }
  });
  return {
    acknowledged,
    refused,
    async stop() {
      stopped = true;
      await Promise.all(done);
    },
  };
}

const kept = async () =>
  new Set((await database.pool.query("select n from kept")).rows.map(({ n }) => n as number));

test("the primary is killed under writes: the promoted replica has all that was acknowledged, and is written to", async () => {
  const { primary, replica } = cluster;
  const load = writers(8);
  await expect.poll(() => load.acknowledged.length).toBeGreaterThan(200);
  await primary.kill();
  await replica.promote();
  const before = load.acknowledged.length;
  await expect.poll(() => load.acknowledged.length).toBeGreaterThan(before + 200);
  await load.stop();
  const found = await kept();
  expect(load.acknowledged.filter((n) => !found.has(n))).toEqual([]);
  // Nor was anything done of which that was said.
  const notDone = [...load.refused].filter(([, reason]) => reason === "DATABASE_UNAVAILABLE");
  expect(notDone.filter(([n]) => found.has(n))).toEqual([]);
  const doubtful = [...load.refused.values()].filter((reason) => reason !== "DATABASE_UNAVAILABLE");
  expect(doubtful.filter((reason) => reason !== "COMMIT_UNKNOWN")).toEqual([]);
});

test("an old primary that comes back is not written to", async () => {
  const { primary, replica } = cluster;
  await write(1);
  await primary.kill();
  await replica.promote();
  await expect
    .poll(() =>
      write(2).then(
        () => "written",
        () => "not yet",
      ),
    )
    .toBe("written");
  // It believes that it is the primary.
  await primary.start();
  const [back] = await queryOnce(primary.url, "select pg_is_in_recovery() as standby");
  expect(back).toEqual({ standby: false });
  // A process that starts now, and one that has been there.
  const late = openDatabase(cluster.url, { log });
  try {
    for (const one of [database, late]) {
      const ports = await Promise.all(
        Array.from({ length: 8 }, () => one.pool.query("select inet_server_port() as port")),
      );
      expect(new Set(ports.map(({ rows }) => rows[0].port))).toEqual(new Set([replica.port]));
    }
  } finally {
    await late.close();
  }
});

test("a process that starts waits for the promoted server where that is slow and the old primary is back", async () => {
  const { primary, replica } = cluster;
  await primary.kill();
  await replica.promote();
  await primary.start();
  let connections = 0;
  const slow = await cuttingProxy(() => {
    // Nothing passes on the first connection.
    if (connections++ === 0) slow.cut("both");
    else slow.mend();
    return { port: replica.port, host: "127.0.0.1" };
  });
  const moved: number[] = [];
  const late = watchPrimary(serverAddresses(cluster.url.replace(`:${replica.port}/`, `:${slow.port}/`)), {
    log,
    name: "late",
    onMoved: (to) => moved.push(to.port),
  });
  try {
    expect((await late.locate()).port).toBe(slow.port);
    expect(moved).toEqual([slow.port]);
  } finally {
    await late.stop();
    slow.close();
  }
});

test("a primary that says nothing any more is left when the replica is promoted", async () => {
  const { primary, replica } = cluster;
  await write(1);
  await primary.pause();
  const cut = write(2).then(
    () => "done",
    (error) => error.reason,
  );
  await replica.promote();
  await expect
    .poll(() =>
      write(3).then(
        () => "written",
        () => "not yet",
      ),
    )
    .toBe("written");
  expect(await cut).toMatch(/^(DATABASE_UNAVAILABLE|COMMIT_UNKNOWN)$/);
  await primary.resume();
  expect(await kept()).toEqual(new Set([1, 3]));
});

test("a commit that only the primary has is not reported as done", async () => {
  const { replica } = cluster;
  await write(1);
  await replica.kill();
  const waiting = () =>
    queryOnce(cluster.primary.url, "select pid from pg_stat_activity where wait_event = 'SyncRep'");
  for (const attempt of [
    () => write(2),
    () => sql`insert into kept values (3)`.execute(database.of("public")),
    () => database.pool.query("insert into kept values (4)"),
  ]) {
    const outcome = attempt().then(
      () => "done",
      (error) => error.reason ?? error.code,
    );
    await expect.poll(async () => (await waiting()).length).toBe(1);
    // As its statement timeout would.
    await queryOnce(
      cluster.primary.url,
      "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'SyncRep'",
    );
    expect(await outcome).toMatch(/^(COMMIT_UNKNOWN|DOUYA1)$/);
  }
  for (const attempt of [
    () => write(5),
    () => sql`insert into kept values (6)`.execute(database.of("public")),
  ]) {
    const outcome = attempt().then(
      () => "done",
      (error) => error.reason,
    );
    await expect.poll(async () => (await waiting()).length).toBe(1);
    await cluster.primary.kill();
    expect(await outcome).toBe("COMMIT_UNKNOWN");
    await cluster.primary.start();
    await expect
      .poll(() =>
        database.pool.query("select 1").then(
          () => "up",
          () => "down",
        ),
      )
      .toBe("up");
  }
});

test("a replica alone is not taken for a primary, whatever the connection string says", async () => {
  const { replica } = cluster;
  const alone = openDatabase(replica.url, { log });
  try {
    const insert = sql`insert into kept values (1)`.execute(alone.of("public"));
    await expect(insert).rejects.toMatchObject({ reason: "DATABASE_UNAVAILABLE" });
  } finally {
    await alone.close();
  }
});
