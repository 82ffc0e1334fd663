import { rename } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { Redis } from "ioredis";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { modulesOf } from "#apps/server/targets.ts";
import { type Database, openDatabase } from "#platform/db/database.ts";
import { readAllLag } from "#platform/events/admin/all-lag.ts";
import { createLog } from "#platform/observe/log.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import { randomOf, testSeed } from "#platform/testing/random.ts";
import { cast } from "../consistency/cast.ts";
import { type FaultLine, faultTable, runFault } from "../consistency/fault-run.ts";
import { workload } from "../consistency/workload.ts";
import { type ClusterDeployment, everydayCluster } from "../harness/cluster.ts";
import { scenarioOf } from "../harness/scenario.ts";
import { nowAndThenMs, until } from "../harness/within.ts";

/** `npm run test:faults` makes every line of docs/faults.md; `npm run test:cluster` some that the seed chooses. */
const all = process.env.FAULTS === "all";
const pauseMs = all ? 30_000 : 3_000;
const patienceMs = 60_000;

type Fault = [fault: string, bringAbout: () => Promise<void>];

describe("the fault matrix, cluster", () => {
  const random = randomOf(testSeed("fault matrix, cluster"));
  let cluster: ClusterDeployment;
  let database: Database;
  const lines: FaultLine[] = [];
  const server = scenarioOf(() => cluster);

  beforeAll(async () => {
    cluster = await everydayCluster();
    database = openDatabase(cluster.databaseUrl, { log: createLog("silent") });
  });
  afterAll(async () => {
    if (all) process.stdout.write(`${faultTable(lines)}\n`);
    await database?.close();
  });

  async function kill(...names: string[]): Promise<void> {
    await Promise.all(names.map(cluster.kill));
    await cluster.whole();
  }
  async function pause(name: string): Promise<void> {
    const { pid } = cluster.find(name)!;
    process.kill(pid, "SIGSTOP");
    await delay(pauseMs);
    try {
      process.kill(pid, "SIGCONT");
    } catch {
      // It has been ended and replaced.
    }
    await cluster.whole();
  }
  const ask = async <T>(url: string, options: RequestInit = {}): Promise<T> =>
    (await fetch(url, options)).json() as Promise<T>;
  /** The one that says of itself that it leads. */
  async function leaderOf(role: "etcd" | "nats", leads: (address: string, name: string) => Promise<boolean>) {
    const members = cluster.processes().filter((one) => one.role === role);
    return until(`the leader of ${role}`, async () => {
      for (const { name, address } of members) if (await leads(address, name)) return name;
      return undefined;
    });
  }
  const leadsEtcd = async (address: string) => {
    const { header, leader } = await ask<{ header: { member_id: string }; leader: string }>(
      `http://${address}/v3/maintenance/status`,
      { method: "POST", body: "{}" },
    );
    return header.member_id === leader;
  };
  const leadsNats = async (_address: string, name: string) => {
    const { meta_cluster: meta } = await ask<{ meta_cluster?: { leader?: string } }>(
      `http://127.0.0.1:${cluster.ports()[`${name}-monitor`]}/jsz`,
    );
    return meta?.leader === name;
  };
  /** All three lose what they had; renaming cannot meet a server that starts half-way. */
  async function wipeNats(): Promise<void> {
    const names = ["nats-1", "nats-2", "nats-3"];
    await Promise.all(names.map(cluster.kill));
    const engines = join(cluster.dir, "engines");
    await Promise.all(names.map((name) => rename(join(engines, name), join(engines, `wiped-${name}`))));
    await cluster.whole();
  }
  /** What Redis had some time ago comes back, as after a failover to a replica that was far behind. */
  async function fillRedisWithStaleEntries(): Promise<void> {
    const redis = new Redis(`redis://${cluster.find("redis")!.address}`);
    try {
      const old = new Map<Buffer, Buffer>();
      for (const key of await redis.keysBuffer("*")) {
        const value = await redis.dumpBuffer(key);
        if (value) old.set(key, value);
      }
      await delay(pauseMs / 10);
      await redis.flushall();
      for (const [key, value] of old) await redis.restore(key, 0, value, "REPLACE");
      await delay(pauseMs / 10);
    } finally {
      redis.disconnect();
    }
  }
  async function holdReplicaBack(): Promise<void> {
    const { address } = cluster.find("postgres-replica")!;
    const url = cluster.databaseUrl.replace(/@[^/]*\//, `@${address}/`);
    await until("the replica", () => queryOnce(url, "select pg_wal_replay_pause()"));
    await delay(pauseMs);
    await until("the replica", () => queryOnce(url, "select pg_wal_replay_resume()"));
  }
  async function killAll(): Promise<void> {
    const everything = cluster.processes();
    await cluster.supervisor.kill();
    for (const { pid } of everything) process.kill(pid, "SIGKILL");
    await cluster.startAgain();
  }

  const modules = modulesOf("all").map(({ module }) => module.name);
  const s = pauseMs / 1000;
  const faults: Fault[][] = [
    modules.flatMap((module): Fault[] => [
      [`kill -9 of one of two processes of ${module}`, () => kill(`${module}-1`)],
      [`one of two processes of ${module} is paused ${s} s`, () => pause(`${module}-1`)],
    ]),
    [
      ["kill -9 of etcd's leader", async () => kill(await leaderOf("etcd", leadsEtcd))],
      [`etcd's leader is paused ${s} s`, async () => pause(await leaderOf("etcd", leadsEtcd))],
      ["kill -9 of all of etcd", () => kill("etcd-1", "etcd-2", "etcd-3")],
      ["kill -9 of NATS's leader", async () => kill(await leaderOf("nats", leadsNats))],
      [`NATS's leader is paused ${s} s`, async () => pause(await leaderOf("nats", leadsNats))],
      ["the storage of all of NATS is wiped", wipeNats],
      ["kill -9 of Redis", () => kill("redis")],
      [`Redis is paused ${s} s`, () => pause("redis")],
      ["Redis is flushed and filled with stale entries", fillRedisWithStaleEntries],
    ],
    [
      ["kill -9 of the primary, its replica is promoted", () => kill("postgres-primary")],
      ["kill -9 of the replica", () => kill("postgres-replica")],
      [`the replica is ${s} s behind`, holdReplicaBack],
      [`the postmaster of the primary is paused ${s} s`, () => pause("postgres-primary")],
      ["kill -9 of everything at once, the supervisor too, started again", killAll],
    ],
  ];

  test.each(all ? faults.flat() : faults.map(random.of))("%s", async (fault, bringAbout) => {
    await cluster.whole();
    // What the fault before has left may still refuse something.
    const those = await until("people and their videos", () => cast(server), nowAndThenMs);
    const clients = workload({ ...those, random, guest: server.api });
    const line = await runFault(fault, clients, bringAbout, patienceMs);
    lines.push(line);
    expect(line.wrong).toEqual([]);
    expect(line.doubled).toEqual([]);
    expect(line.recoveredSeconds).toBeLessThan(pauseMs / 1000 + patienceMs / 1000);
    await until(
      "all events to be handled",
      async () => (await readAllLag([database.pool])).every(({ records }) => records === 0),
      nowAndThenMs,
    );
  });
});
