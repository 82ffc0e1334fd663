import { type Kysely, sql } from "kysely";
import { afterEach, beforeEach, expect, it } from "vitest";
import { createLog } from "#platform/observe/log.ts";
import { callController, deadlineExceeded } from "#platform/rpc/call.ts";
import fc from "#platform/testing/property.ts";
import { createTestDatabase, type TestDatabase } from "#platform/testing/test-database.ts";
import { type Database, openDatabase, withSignal } from "./database.ts";
import { inTransaction } from "./transaction.ts";

let test: TestDatabase;
/** The pool for the statements, and one to observe it. */
let database: Database;
let watcher: Database;
let db: Kysely<object>;
const connections = 2;
beforeEach(async () => {
  test = await createTestDatabase();
  database = openDatabase(test.url, {
    log: createLog("silent"),
    maxConnections: connections,
    name: "watched",
  });
  watcher = openDatabase(test.url, { log: createLog("silent"), name: "watcher" });
  db = database.of("public");
});
afterEach(async () => {
  await database.close();
  await watcher.close();
  await test.drop();
});

/** What the connections do, as PostgreSQL reports it. */
async function underWay(): Promise<string[]> {
  const { rows } = await watcher.pool.query(
    "select query from pg_stat_activity where application_name = 'watched' and state <> 'idle'",
  );
  return rows.map(({ query }) => query);
}
const sleep = (on: Kysely<object>) => sql`select pg_sleep(3600)`.execute(on);
const late = { reason: "DEADLINE_EXCEEDED" };

function ending() {
  const over = callController();
  return { on: withSignal(over.signal, db), end: () => over.abort(deadlineExceeded()) };
}

it("a statement ends with its signal, and the connection is good for others", async () => {
  const { on, end } = ending();
  const slept = sleep(on);
  slept.catch(() => {});
  await expect.poll(underWay).toHaveLength(1);
  end();
  await expect(slept).rejects.toMatchObject(late);
  // PostgreSQL tells of the error before it says that it is idle.
  await expect.poll(underWay).toEqual([]);
  await expect(sql`select 1`.execute(on)).rejects.toMatchObject(late);
  const { rows } = await sql<{ one: number }>`select 1 as one`.execute(db);
  expect([rows, database.pool.totalCount]).toEqual([[{ one: 1 }], 1]);
});

it("a statement that goes on after it was cancelled is cancelled again", async () => {
  const { on, end } = ending();
  const slept = sql`do $$ begin perform pg_sleep(3600);
    exception when query_canceled then perform pg_sleep(3600); end $$`.execute(on);
  slept.catch(() => {});
  await expect.poll(underWay).toHaveLength(1);
  end();
  await expect(slept).rejects.toMatchObject(late);
});

it("a statement that waits for a lock ends with its signal, and does nothing when the lock is free", async () => {
  await watcher.pool.query("create table thing (id int)");
  const holder = await watcher.pool.connect();
  await holder.query("begin; lock table thing in access exclusive mode");
  const { on, end } = ending();
  const written = sql`insert into thing values (1)`.execute(on);
  written.catch(() => {});
  await expect.poll(underWay).toHaveLength(1);
  end();
  await expect(written).rejects.toMatchObject(late);
  await holder.query("commit");
  holder.release();
  expect((await watcher.pool.query("select * from thing")).rows).toEqual([]);
});

it("a pool full of slow statements is free again when their signals have fired", async () => {
  const { on, end } = ending();
  const slept = Array.from({ length: connections }, () => sleep(on));
  await expect.poll(underWay).toHaveLength(connections);
  const waiting = sql`select 1`.execute(on);
  const patient = sql<{ one: number }>`select 1 as one`.execute(db);
  const all = Promise.allSettled([...slept, waiting]);
  end();
  for (const outcome of await all) expect(outcome).toMatchObject({ status: "rejected", reason: late });
  expect((await patient).rows).toEqual([{ one: 1 }]);
});

it("waiting for a connection ends with the signal", async () => {
  const others = await Promise.all(Array.from({ length: connections }, () => database.pool.connect()));
  const { on, end } = ending();
  const waiting = sql`select 1`.execute(on);
  waiting.catch(() => {});
  await expect.poll(() => database.pool.waitingCount).toBe(1);
  end();
  await expect(waiting).rejects.toMatchObject(late);
  for (const other of others) other.release();
  await expect.poll(() => database.pool.idleCount).toBe(connections);
  await sql`select 1`.execute(db);
});

it("a transaction whose signal has fired is rolled back, and not committed", async () => {
  await watcher.pool.query("create table thing (id int)");
  const { on, end } = ending();
  const written = inTransaction(on, async (transaction) => {
    await sql`insert into thing values (1)`.execute(transaction);
    end();
  });
  await expect(written).rejects.toMatchObject(late);
  await expect.poll(underWay).toEqual([]);
  expect((await watcher.pool.query("select * from thing")).rows).toEqual([]);
  // It was cancelled, and the connection not closed.
  expect(database.pool.totalCount).toBe(1);
});

it("several statements of one transaction end, and it is rolled back", async () => {
  const { on, end } = ending();
  const both = on
    .transaction()
    .execute((transaction) => Promise.all([sleep(transaction), sleep(transaction)]));
  both.catch(() => {});
  await expect.poll(underWay).toEqual([expect.stringContaining("pg_sleep")]);
  end();
  await expect(both).rejects.toMatchObject(late);
  await expect.poll(underWay).toEqual([]);
  await sql`select 1`.execute(db);
});

it("a sent commit is awaited, even after the signal", async () => {
  await watcher.pool.query(`
    create table thing (id int);
    create function linger() returns trigger language plpgsql as $$ begin
      perform pg_advisory_xact_lock(1); return null; end $$;
    create constraint trigger slow after insert on thing deferrable initially deferred
      for each row execute function linger()`);
  const holder = await watcher.pool.connect();
  await holder.query("begin; select pg_advisory_xact_lock(1)");
  const { on, end } = ending();
  const written = inTransaction(on, (transaction) => sql`insert into thing values (1)`.execute(transaction));
  await expect.poll(underWay).toEqual(["commit"]);
  end();
  // By then a request to cancel the commit would have arrived.
  const other = ending();
  const slept = expect(sleep(other.on)).rejects.toMatchObject(late);
  await expect.poll(underWay).toHaveLength(2);
  other.end();
  await slept;
  await holder.query("commit");
  holder.release();
  await written;
  expect((await watcher.pool.query("select * from thing")).rows).toEqual([{ id: 1 }]);
});

it("a signal at any moment cancels no other statement", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ lastsMs: fc.nat(8), endsAfterMs: fc.option(fc.nat(8)) }), { maxLength: 60 }),
      async (statements) => {
        const outcomes = await Promise.all(
          statements.map(async ({ lastsMs, endsAfterMs }, i) => {
            const { on, end } = ending();
            if (endsAfterMs !== null) setTimeout(end, endsAfterMs);
            const slept = sql<{ i: number }>`select pg_sleep(${lastsMs / 1000}), ${i}::int as i`;
            return slept.execute(on).then(
              ({ rows }) => rows[0]!.i,
              (error) => (endsAfterMs === null ? error : error.reason),
            );
          }),
        );
        for (const [i, outcome] of outcomes.entries())
          if (outcome !== i)
            expect([i, outcome, statements[i]!.endsAfterMs]).toEqual([i, late.reason, expect.any(Number)]);
        expect(database.pool.totalCount).toBeLessThanOrEqual(connections);
      },
    ),
    { numRuns: 20, seed: 7 },
  ));
