import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createLog } from "../observe/log.ts";
import fc from "../testing/property.ts";
import { createTestDatabase, type TestDatabase } from "../testing/test-database.ts";
import { type Database, openDatabase } from "./database.ts";

let own: TestDatabase;
let database: Database;
beforeAll(async () => {
  own = await createTestDatabase();
  database = openDatabase(own.url, { log: createLog("silent") });
});
afterAll(async () => {
  await database.close();
  await own.drop();
});

async function sent(values: unknown[], type: string): Promise<unknown[]> {
  const { rows } = await sql<{ back: unknown[] }>`
    select ${values}::${sql.raw(type)}[] as back`.execute(database.of("public"));
  return rows[0]!.back;
}

test("arrays of texts come to the database as they are", () =>
  fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.option(
          fc.oneof(
            // PostgreSQL has no NUL in texts.
            fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\0", "")),
            fc.string({ unit: fc.constantFrom('"', "\\", ",", "{", "}", " ", "\n", "N", "豆") }),
            fc.constantFrom("NULL", "null", "", "{}"),
          ),
        ),
        { maxLength: 20 },
      ),
      async (texts) => {
        expect(await sent(texts, "text")).toEqual(texts);
      },
    ),
  ));

test("so do numbers, truth values, ids, times, bytes and arrays of one length", async () => {
  expect(await sent([1, -2.5, 0, 1e21, null], "float8")).toEqual([1, -2.5, 0, 1e21, null]);
  expect(await sent([Number.NaN, Number.NEGATIVE_INFINITY], "float8")).toEqual([
    Number.NaN,
    Number.NEGATIVE_INFINITY,
  ]);
  expect(await sent([true, false, undefined], "boolean")).toEqual([true, false, null]);
  expect(await sent(["9223372036854775807", 7n], "int8")).toEqual(["9223372036854775807", "7"]);
  const times = [new Date(0), new Date("2026-12-01T05:00:00.123Z")];
  expect(await sent(times, "timestamptz")).toEqual(times);
  const bytes = [Buffer.from([0, 255, 34, 92]), Buffer.alloc(0)];
  expect(await sent(bytes, "bytea")).toEqual(bytes);
  const squares = [
    ["a", 'b"'],
    ["\\", "d"],
  ];
  expect(await sent(squares, "text")).toEqual(squares);
  expect(await sent([], "text")).toEqual([]);
});
