import { randomUUID } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { createLog } from "#platform/observe/log.ts";
import { queryOnce } from "#platform/testing/query-once.ts";
import { createTestDatabase } from "#platform/testing/test-database.ts";
import { openDatabase } from "../database.ts";
import { asOnlyMover } from "../placement.ts";
import { dropLeftStreams, streamName } from "./left-streams.ts";

test("slots that a move has left behind are found and dropped; one that goes on and those of others stay", async () => {
  const own = await createTestDatabase();
  const database = openDatabase(own.url, { log: createLog("silent") });
  const { pool } = database;
  const [installation, other] = [randomUUID(), randomUUID()];
  const begin = async (module: string, of: string) => {
    const name = streamName(module, of);
    // It waits for transactions in all databases of the server, so it may take longer than a statement of a pool.
    await queryOnce(own.url, "select pg_create_logical_replication_slot($1, 'pgoutput')", [name]);
    await pool.query(`create publication ${name}`);
    return name;
  };
  const left = async () =>
    (
      await pool.query(
        "select slot_name from pg_replication_slots join pg_publication on pubname = slot_name where database = current_database() order by 1",
      )
    ).rows.map(({ slot_name }) => slot_name);
  const [gone, goesOn, foreign] = [
    await begin("relation", installation),
    await begin("feed", installation),
    await begin("relation", other),
  ];
  onTestFinished(async () => {
    await pool.query(
      "select pg_drop_replication_slot(slot_name) from pg_replication_slots where database = current_database()",
    );
    await database.close();
    await own.drop();
  });
  const isHere = (module: string) => module === "feed";
  const drop = (hours?: number) => dropLeftStreams(pool, { main: pool, installation, isHere, hours });
  const whileMoved = (module: string, work: () => Promise<void>) =>
    asOnlyMover(pool, { module, from: undefined }, work);
  // A first copy, during which nobody reads what it has begun.
  await whileMoved("relation", () => whileMoved("feed", async () => expect(await drop(0)).toEqual([])));
  expect(await left()).toEqual([gone, goesOn, foreign].sort());
  expect(await drop()).toEqual([gone]);
  expect(await left()).toEqual([goesOn, foreign].sort());
  // That nobody has gone on with for so long.
  expect(await drop(0)).toEqual([goesOn]);
  expect(await left()).toEqual([foreign]);
});
