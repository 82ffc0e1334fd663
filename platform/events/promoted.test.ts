import { afterEach, beforeEach, expect, it } from "vitest";
import { type Database, openDatabase } from "#platform/db/database.ts";
import { type ProcessLease, startLease } from "#platform/lease/process-lease.ts";
import { createLog } from "#platform/observe/log.ts";
import { setSynchronous } from "#platform/postgres/replica-folder.ts";
import {
  added,
  type EffectTables,
  type EventLog,
  makeEventTables,
  openEventLog,
  writeEffects,
} from "#platform/testing/event-log.ts";
import { patienceMs } from "#platform/testing/patience.ts";
import { type PrivateCluster, startPrivateCluster } from "#platform/testing/private-cluster.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import { createEvents, type ProcessEvents } from "./events.ts";
import { leaveGapIfRestored } from "./log/restored.ts";

const log = createLog("silent");
const soon = { interval: 20, timeout: patienceMs };
/** Two databases of one process, of which one has a replica that no commit waits for. */
let cluster: PrivateCluster;
let parted: Database;
let lease: ProcessLease;
let whole: EventLog;
let all: ProcessEvents | undefined;
beforeEach(async () => {
  cluster = await startPrivateCluster();
  await setSynchronous(cluster.primary.url, []);
  parted = openDatabase(cluster.url, { log });
  await makeEventTables(parted);
  await leaveGapIfRestored(parted.pool);
  // It outlives the promotion: whoever loses it begins anew from what is stored.
  lease = startLease(parted.pool, { log, leaseMs: patienceMs });
  whole = await openEventLog();
});
afterEach(async () => {
  await all?.stop();
  await lease?.release();
  await parted?.close();
  await whole?.close();
  await cluster?.remove();
});

/** Acts on the events of both databases in this one. */
function consumeIn(database: Database): void {
  all = createEvents({ databases: [{ database: parted, lease }, whole], databaseOf: () => database, log });
  all.of<EffectTables>("test").consume({ group: "test", types: [added], handle: writeEffects });
}

async function effectsIn(database: Database): Promise<string[]> {
  const { rows } = await database.pool.query<{ value: string }>("select value from test.effect order by id");
  return rows.map(({ value }) => value);
}

async function emit(...values: string[]): Promise<void> {
  await all!.of<EffectTables>("test").transaction(parted.of<EffectTables>("test"), async (_, emit) => {
    for (const value of values) emit(added, { value });
  });
}

const numbered = (key: string, from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, i) => `${key}:${from + i}`);

/** Promotes a replica that lacks what `work` has written. */
async function promoteWithout(work: () => Promise<void>): Promise<void> {
  const [{ at }] = (await queryOnce(cluster.primary.url, "select pg_current_wal_lsn() as at")) as [
    { at: string },
  ];
  await expect
    .poll(async () => {
      const [row] = await queryOnce(
        cluster.replica.url,
        `select pg_last_wal_replay_lsn() >= '${at}'::pg_lsn as there`,
      );
      return row?.there;
    }, soon)
    .toBe(true);
  await cluster.replica.kill();
  await work();
  await cluster.primary.kill();
  await cluster.replica.start();
  await cluster.replica.promote();
}

it("groups elsewhere do not take what a promoted replica gives out for what it lacks, though no process starts", async () => {
  consumeIn(whole.database);
  await emit(...numbered("a", 1, 5));
  await expect.poll(whole.effects, soon).toEqual(numbered("a", 1, 5));
  await promoteWithout(async () => {
    await emit(...numbered("a", 6, 10));
    await expect.poll(whole.effects, soon).toHaveLength(10);
  });
  // From several sides at once, as soon as it can be written to.
  const values = numbered("b", 1, 8);
  const emitted = (value: string): Promise<void> => emit(value).catch(() => emitted(value));
  await Promise.all(values.map(emitted));
  await expect.poll(async () => (await whole.effects()).slice(10).sort(), soon).toEqual(values);
  const { rows } = await parted.pool.query<{ position: string }>(
    "select position from events.log where key = 'b' order by position",
  );
  expect(Number(rows[0]!.position)).toBeGreaterThan(1_000_000_000);
  // One gap for all of them.
  expect(Number(rows.at(-1)!.position)).toBeLessThan(2_000_000_000);
});

it("what a group has done there and the promoted replica lacks is done again, though no process starts", async () => {
  consumeIn(parted);
  await whole.emit(...numbered("a", 1, 5));
  await expect.poll(() => effectsIn(parted), soon).toEqual(numbered("a", 1, 5));
  await promoteWithout(async () => {
    await whole.emit(...numbered("a", 6, 10));
    await expect.poll(() => effectsIn(parted), soon).toHaveLength(10);
  });
  await expect.poll(() => effectsIn(parted).catch(() => []), soon).toEqual(numbered("a", 1, 10));
  await whole.emit("a:11");
  await expect.poll(() => effectsIn(parted), soon).toEqual(numbered("a", 1, 11));
});
