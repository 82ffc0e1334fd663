import { afterEach, beforeEach, expect, test } from "vitest";
import { createLog } from "../observe/log.ts";
import { createTestDatabase, type TestDatabase } from "../testing/test-database.ts";
import { type Database, openDatabase } from "./database.ts";
import { migrate } from "./migrate.ts";

const log = createLog("silent");
let own: TestDatabase;
const opened: Database[] = [];
const open = () => {
  const database = openDatabase(own.url, { log, maxConnections: 2 });
  opened.push(database);
  return database;
};

beforeEach(async () => {
  own = await createTestDatabase();
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map((database) => database.close()));
  await own.drop();
});

const first = {
  "0001-plants": "create table garden.plant (id int8 primary key, seeds int8[], born timestamptz);",
};
const both = { ...first, "0002-water": "alter table garden.plant add column water int not null default 3;" };

test("migrations run once, in the order of their names, and later ones are added", async () => {
  const database = open();
  expect(await migrate(database, "garden", first)).toEqual(["0001-plants"]);
  expect(await migrate(database, "garden", first)).toEqual([]);
  expect(await migrate(database, "garden", both)).toEqual(["0002-water"]);
  await database.pool.query("insert into garden.plant (id) values (1)");
  const { rows } = await database.pool.query("select water from garden.plant");
  expect(rows).toEqual([{ water: 3 }]);
});

test("processes that start at the same time migrate once", async () => {
  const ran = await Promise.all(Array.from({ length: 6 }, () => migrate(open(), "garden", both)));
  expect(ran.flat().sort()).toEqual(["0001-plants", "0002-water"]);
});

test("a migration that waits for somebody's lock lets others through, and runs when the lock is free", async () => {
  const database = open();
  await migrate(database, "garden", first);
  const [holder, reader] = [await open().pool.connect(), open()];
  await holder.query("begin; select from garden.plant");
  const migrated = migrate(open(), "garden", both);
  // Reads while it waits, again and again; each would wait for the holder behind a migration that only waits.
  const waiting =
    "select from pg_stat_activity where wait_event_type = 'Lock' and query like '%add column water%'";
  await expect.poll(async () => (await reader.pool.query(waiting)).rowCount).toBe(1);
  for (let i = 0; i < 3; i++) {
    await reader.pool.query("select from garden.plant");
    await reader.pool.query("insert into garden.plant (id) values ($1)", [i]);
  }
  await holder.query("commit");
  holder.release();
  expect(await migrated).toEqual(["0002-water"]);
});

test("a lock that is kept for too long is named, and nothing was changed", async () => {
  await migrate(open(), "garden", first);
  const holder = await openDatabase(own.url, { log, name: "somebody" }).pool.connect();
  await holder.query("begin; select from garden.plant");
  await expect(migrate(open(), "garden", both, { patienceMs: 1 })).rejects.toMatchObject({
    reason: "MIGRATION_BLOCKED",
    message: expect.stringContaining("(somebody)"),
  });
  holder.release(true);
  expect(await migrate(open(), "garden", both)).toEqual(["0002-water"]);
});

test("an index is built while others write, and after an attempt that was cut off", async () => {
  const database = open();
  await migrate(database, "garden", first);
  const indexed = {
    ...first,
    "0002-index": "create unique index concurrently if not exists plant_born\n on garden.plant (born)",
    "0003-more": "alter table garden.plant add column water int",
  };
  await database.pool.query("insert into garden.plant (id, born) values (1, now()), (2, now())");
  await database.pool.query("update garden.plant set born = '2020-01-01'");
  await expect(migrate(open(), "garden", indexed)).rejects.toThrow("could not create unique index");
  await database.pool.query("delete from garden.plant where id = 2");
  // An open transaction that has written is waited for, and everybody else goes on writing.
  const writer = await open().pool.connect();
  await writer.query("begin; insert into garden.plant (id) values (3)");
  const migrated = migrate(open(), "garden", indexed);
  const building =
    "select from pg_stat_activity where wait_event_type = 'Lock' and query ~ 'index concurrently'";
  await expect.poll(async () => (await database.pool.query(building)).rowCount).toBe(1);
  await database.pool.query("insert into garden.plant (id) values (4)");
  await database.pool.query("select from garden.plant");
  await writer.query("commit");
  writer.release();
  expect(await migrated).toEqual(["0002-index", "0003-more"]);
  const { rows } = await database.pool.query(
    "select indisvalid from pg_index where indexrelid = 'garden.plant_born'::regclass",
  );
  expect(rows).toEqual([{ indisvalid: true }]);
});

test("processes that start together while an index is built wait for it, and migrate once", async () => {
  await migrate(open(), "garden", first);
  const indexed = {
    ...first,
    "0002-index": "create index concurrently if not exists plant_born on garden.plant (born)",
  };
  const ran = await Promise.all(Array.from({ length: 6 }, () => migrate(open(), "garden", indexed)));
  expect(ran.flat()).toEqual(["0002-index"]);
});

test("a database that a newer version has worked with is refused with a sentence", async () => {
  await migrate(open(), "garden", both);
  await expect(migrate(open(), "garden", first)).rejects.toMatchObject({
    reason: "DATABASE_NEWER",
    message: expect.stringContaining("0002-water"),
  });
});

test("a newer version whose migrations only add keeps nobody from starting", async () => {
  const added = { ...first, "0002-colour+": "alter table garden.plant add column colour text;" };
  expect(await migrate(open(), "garden", added)).toEqual(["0001-plants", "0002-colour+"]);
  expect(await migrate(open(), "garden", first)).toEqual([]);
  await migrate(open(), "garden", { ...added, "0003-water": "alter table garden.plant drop column colour;" });
  await expect(migrate(open(), "garden", first)).rejects.toMatchObject({
    reason: "DATABASE_NEWER",
    message: expect.not.stringContaining("0002"),
  });
});

test("schemas are migrated apart, at the same time too", async () => {
  const other = { "0001-plants": "create table zoo.animal (id int8);" };
  await Promise.all([migrate(open(), "garden", first), migrate(open(), "zoo", other)]);
  expect(await migrate(open(), "zoo", other)).toEqual([]);
});

test("a migration that fails leaves nothing of itself, and runs when it is repaired", async () => {
  const database = open();
  const broken = { ...first, "0002-water": "create table garden.water (); create table garden.plant ();" };
  await expect(migrate(database, "garden", broken)).rejects.toThrow("already exists");
  expect((await database.pool.query("select to_regclass('garden.water') as water")).rows).toEqual([
    { water: null },
  ]);
  expect(await migrate(database, "garden", both)).toEqual(["0002-water"]);
});

test("a migration may take longer than a statement of a request", async () => {
  const database = open();
  const shown = "create table garden.timeout as select current_setting('statement_timeout') as value;";
  await migrate(database, "garden", { "0001-slow": shown });
  expect((await database.pool.query("select * from garden.timeout")).rows).toEqual([{ value: "0" }]);
  expect((await database.pool.query("show statement_timeout")).rows).toEqual([{ statement_timeout: "15s" }]);
});

test("int8 comes as a string, alone and in Kysely, so that no id is rounded", async () => {
  const database = open();
  await migrate(database, "garden", first);
  const id = "9223372036854775807";
  const garden = database.of<{ plant: { id: string } }>("garden");
  await garden.insertInto("plant").values({ id }).execute();
  expect(await garden.selectFrom("plant").select("id").execute()).toEqual([{ id }]);
  expect((await database.pool.query("select max(id) from garden.plant")).rows).toEqual([{ max: id }]);
});

test("an idle connection that breaks takes nothing down", async () => {
  const database = open();
  const { rows } = await database.pool.query("select pg_backend_pid() as pid");
  await open().pool.query("select pg_terminate_backend($1)", [rows[0].pid]);
  await expect.poll(() => database.pool.totalCount).toBe(0);
  expect((await database.pool.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
});
