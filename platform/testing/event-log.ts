import { type StringValue, StringValueSchema } from "@bufbuild/protobuf/wkt";
import { type Database, type Kysely, openDatabase, type Transaction } from "#platform/db/database.ts";
import { migrate } from "#platform/db/migrate.ts";
import { createEvents, type Events, type ProcessEvents } from "#platform/events/events.ts";
import { migrations } from "#platform/events/migrations.ts";
import { migrations as leaseMigrations } from "#platform/lease/migrations.ts";
import { type ProcessLease, startLease } from "#platform/lease/process-lease.ts";
import { createLog } from "#platform/observe/log.ts";
import { createTestDatabaseFrom } from "./test-database.ts";

/** Events of tests contain `key:something`. */
export const added = testEvent("test.added.v1");
export const removed = testEvent("test.removed.v1");

function testEvent<Name extends string>(name: Name) {
  return { name, schema: StringValueSchema, key: (message: StringValue) => message.value.split(":")[0]! };
}

/** What consumers of tests write: one row per handled event. */
export interface EffectTables {
  effect: { id?: string; event_position: string; key: string; value: string };
}

export interface EventLog {
  url: string;
  database: Database;
  db: Kysely<EffectTables>;
  lease: ProcessLease;
  events: Events<EffectTables>;
  /** Another process, as far as the log can tell: with its own connections and consumers. */
  join(): { database: Database; db: Kysely<EffectTables>; events: Events<EffectTables> };
  /** Commits these as `test.added.v1`. */
  emit(...values: string[]): Promise<void>;
  /** The values handled so far, in commit order. */
  effects(): Promise<string[]>;
  close(): Promise<void>;
}

/** A database with an empty event log and a table for effects. */
export async function openEventLog({ log = createLog("silent") } = {}): Promise<EventLog> {
  const test = await createTestDatabaseFrom("event_log_7", async (url) => {
    const fresh = openDatabase(url, { log });
    await makeEventTables(fresh);
    await fresh.close();
  });
  // A clone of a database is another one.
  const admin = openDatabase(test.url, { log });
  await admin.pool.query("update events.origin set id = gen_random_uuid()");
  await admin.close();
  const joined: { all: ProcessEvents; lease: ProcessLease; database: Database }[] = [];
  const join = () => {
    const database = openDatabase(test.url, { log });
    // Others are seen soon, and one that was held up for seconds is still alive.
    const lease = startLease(database.pool, { log, beatMs: 200 });
    const all = createEvents({ databases: [{ database, lease }], databaseOf: () => database, log });
    const member = {
      database,
      lease,
      db: database.of<EffectTables>("test"),
      events: all.of<EffectTables>("test"),
    };
    joined.push({ all, lease, database });
    return member;
  };
  const { database, db, lease, events } = join();
  return {
    url: test.url,
    database,
    db,
    lease,
    events,
    join,
    emit: (...values) =>
      events.transaction(db, async (_, emit) => {
        for (const value of values) emit(added, { value });
      }),
    async effects() {
      const rows = await db.selectFrom("effect").select("value").orderBy("id").execute();
      return rows.map((row) => row.value);
    },
    async close() {
      await Promise.all(joined.map(({ all }) => all.stop()));
      // Its answer may come too late on a busy machine, and the database goes with all leases.
      await Promise.all(joined.map((member) => member.lease.release().catch(() => {})));
      await Promise.all(joined.map((member) => member.database.close()));
      await test.drop();
    },
  };
}

/** An event log, and the table for effects. */
export async function makeEventTables(database: Database): Promise<void> {
  await migrate(database, "lease", leaseMigrations);
  await migrate(database, "events", migrations);
  await database.pool.query(
    `create schema test;
     create table test.effect (
       id int8 generated always as identity primary key, event_position int8 not null, key text, value text
     )`,
  );
}

/** What a consumer of tests does with its events. */
export async function writeEffects(
  transaction: Transaction<EffectTables>,
  handled: { position: string; key: string; message: StringValue }[],
): Promise<void> {
  await transaction
    .insertInto("effect")
    .values(
      handled.map(({ position, key, message }) => ({ event_position: position, key, value: message.value })),
    )
    .execute();
}
