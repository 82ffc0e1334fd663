import { setTimeout as delay } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createLog } from "#platform/observe/log.ts";
import { randomOf, testSeed } from "#platform/testing/random.ts";
import { createTestDatabase, type TestDatabase } from "#platform/testing/test-database.ts";
import { type Database, openDatabase } from "../database.ts";
import { claimMain } from "../placement.ts";
import { type FollowedSchema, followSchema } from "./follow-schema.ts";

const log = createLog("silent");
const random = randomOf(testSeed("a schema that is followed"));
const schema = `
  create schema garden;
  create table garden.bed (id int8 generated always as identity primary key, name text, at timestamptz default now());
  create table garden.plant (
    bed_id int8 not null references garden.bed on delete cascade deferrable initially immediate, n int not null, info jsonb,
    picture bytea, label text not null, half numeric generated always as (n / 2.0) stored,
    primary key (bed_id, n), unique (label)
  );
  -- Without a key, and with rows that are the same.
  create table garden.note (text text, "of day" date);
  create table garden.visit (
    day int not null, n int not null, guest text, primary key (day, n)
  ) partition by range (day);
`;

const tests: TestDatabase[] = [];
let from: Database;
let to: Database;
beforeAll(async () => {
  for (let i = 0; i < 2; i++) tests.push(await createTestDatabase());
  [from, to] = tests.map(({ url }) => openDatabase(url, { log })) as [Database, Database];
  for (const database of [from, to]) {
    await claimMain(database);
    await database.pool.query(schema);
  }
  await from.pool.query("insert into garden.bed (name) select 'bed ' || n from generate_series(1, 50) n");
  await from.pool.query(
    `insert into garden.plant select id, n, '{"a": "1\\n"}', null, id || ' ' || n from garden.bed, generate_series(1, 20) n`,
  );
});
afterAll(async () => {
  await Promise.all([from?.close(), to?.close()]);
  await Promise.all(tests.map((one) => one.drop()));
});

const follow = (onProgress: () => void = () => {}) =>
  followSchema({
    module: "garden",
    from,
    to,
    stream: `follow_${process.pid}_${tests[0]!.url.length}`,
    onProgress,
  });
let next = 1_000;
/** Commits or rolls back some changes in one transaction. */
async function change(): Promise<void> {
  const client = await from.pool.connect();
  const bed = 1 + random.below(50);
  const n = 1 + random.below(20);
  const long = "x".repeat(random.below(2) * 20_000);
  const ways = [
    () => client.query("insert into garden.bed (name) values ($1)", [`new ${next++}`]),
    () => client.query("insert into garden.note select 'many', '2026-11-29' from generate_series(1, 300)"),
    () =>
      client.query("insert into garden.plant values ($1, $2, null, $3, $4)", [
        bed,
        next++,
        Buffer.from(long),
        `l ${next++}`,
      ]),
    () => client.query("update garden.plant set info = $3 where bed_id = $1 and n = $2", [bed, n, `"${n}"`]),
    () => client.query("update garden.plant set n = $3 where bed_id = $1 and n = $2", [bed, n, next++]),
    () => client.query("delete from garden.plant where bed_id = $1 and n = $2", [bed, n]),
    // With its plants.
    () => client.query("delete from garden.bed where id = $1 and id > 40", [bed]),
    () =>
      client.query(
        "insert into garden.note values (null, '2026-11-28'), ('é\\0'::text, null)".replace("\\0", ""),
      ),
    async () => {
      const day = next++;
      await client.query(
        `create table garden."visit ${day}" partition of garden.visit for values from (${day}) to (${day + 1})`,
      );
      await client.query("insert into garden.visit select $1, n from generate_series(1, 20) n", [day]);
    },
    () => client.query("update garden.visit set guest = $1 where n = $2", [`g ${next++}`, n]),
    () => client.query("update garden.visit set day = (select max(day) from garden.visit) where n = $1", [n]),
    () => client.query("delete from garden.visit where n = $1", [n]),
    () => client.query("update garden.note set text = 'x' where ctid = (select min(ctid) from garden.note)"),
    () => client.query("delete from garden.note where ctid = (select min(ctid) from garden.note)"),
  ];
  try {
    await client.query("begin");
    for (let i = random.below(4); i >= 0; i--) await random.of(ways)();
    await client.query(random.chance(0.1) ? "rollback" : "commit");
  } catch {
    await client.query("rollback");
  } finally {
    client.release();
  }
}

test("the copy has every change, whoever applies it, and however often somebody begins again", async () => {
  let stopped = false;
  let changed = 0;
  const writers = Promise.all(
    Array.from({ length: 4 }, async () => {
      for (; !stopped; changed++) {
        await change();
        // Slower than what is applied by one process beside it.
        await delay(20);
      }
    }),
  );
  const atLeast = (many: number) => expect.poll(() => changed).toBeGreaterThan(many);
  try {
    await atLeast(20);
    let copied = 0;
    let followed: FollowedSchema = await follow(() => copied++);
    expect(copied).toBeGreaterThan(0);
    for (let i = 1; i <= 3; i++) {
      await atLeast(changed + 30);
      await followed.catchUp();
      await followed.compare();
      copied = 0;
      // Somebody else goes on with it.
      followed = await follow(() => copied++);
      expect(copied).toBe(0);
    }
    stopped = true;
    await writers;
    // They may have changed nothing since.
    await from.pool.query("insert into garden.bed (name) values ('the last')");
    expect(await followed.catchUp()).toBeGreaterThan(0);
    expect(await followed.catchUp()).toBe(0);
    for (const table of ["bed", "plant", "note", "visit"]) {
      const all = `select row(t)::text as row from garden.${table} t order by 1`;
      const { rows } = await to.pool.query(all);
      expect(rows.length, table).toBeGreaterThan(0);
      expect(rows).toEqual((await from.pool.query(all)).rows);
    }
  } finally {
    stopped = true;
    await writers;
  }
});

test("rows that differ are named", async () => {
  const followed = await follow();
  await followed.compare();
  await to.pool.query("update garden.bed set name = 'a weed' where id = 7");
  await to.pool.query("delete from garden.plant where bed_id = 9 and label = '9 20'");
  await expect(followed.compare()).rejects.toThrow(/Rows of "garden".bed are not the same.*7,.*a weed/);
  await to.pool.query("update garden.bed set name = (select 'bed 7') where id = 7");
  await followed.end();
  const { rows } = await from.pool.query(
    "select slot_name from pg_replication_slots where database = current_database()",
  );
  expect(rows).toEqual([]);
});
