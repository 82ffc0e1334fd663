import { afterAll, beforeAll, expect, test } from "vitest";
import { createLog } from "#platform/observe/log.ts";
import { createTestDatabase, type TestDatabase } from "#platform/testing/test-database.ts";
import { type Database, openDatabase } from "../database.ts";
import { checkNeeds } from "./check-needs.ts";

const log = createLog("silent");
const role = `gardener_${process.pid}`;
const tests: TestDatabase[] = [];
let from: Database;
let to: Database;
let asRole: (database: TestDatabase) => Database;
const opened: Database[] = [];

beforeAll(async () => {
  for (let i = 0; i < 2; i++) tests.push(await createTestDatabase());
  [from, to] = tests.map(({ url }) => openDatabase(url, { log })) as [Database, Database];
  await from.pool.query(`create role ${role}`);
  await from.pool.query("create schema garden; create table garden.bed (id int8 primary key)");
  asRole = ({ url }) => {
    const database = openDatabase(`${url}${url.includes("?") ? "&" : "?"}options=-c%20role%3D${role}`, {
      log,
    });
    opened.push(database);
    return database;
  };
});
afterAll(async () => {
  await Promise.all(opened.map((one) => one.close()));
  await from?.pool.query(`drop owned by ${role}`);
  await to?.pool.query(`drop owned by ${role}`);
  await from?.pool.query(`drop role ${role}`);
  await Promise.all([from?.close(), to?.close()]);
  await Promise.all(tests.map((one) => one.drop()));
});

const needs = (one: Database, other: Database) =>
  checkNeeds({ module: "garden", from: one, to: other, stream: "garden" });

test("what a role may not do is said with what to grant, until nothing is missing", async () => {
  await needs(from, to);
  const [source, target] = [asRole(tests[0]!), asRole(tests[1]!)];
  await expect(needs(source, target)).rejects.toThrow(`alter role ${role} replication`);
  await from.pool.query(`alter role ${role} replication`);
  await expect(needs(source, target)).rejects.toThrow(/grant create on database .* to gardener/);
  await from.pool.query(
    `do $$ begin execute format('grant create on database %I to ${role}', current_database()); end $$`,
  );
  // Nothing that has to be turned off.
  await needs(source, target);
  await from.pool.query("create table garden.plant (bed_id int8 references garden.bed)");
  await expect(needs(source, target)).rejects.toThrow(
    `grant set on parameter session_replication_role to ${role}`,
  );
  await to.pool.query(`grant set on parameter session_replication_role to ${role}`);
  await needs(source, target);
});
