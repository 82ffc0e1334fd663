import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createTestDatabase, type TestDatabase } from "../testing/test-database.ts";
import { copyOut } from "./copy-out.ts";

let own: TestDatabase;
let session: pg.Client;
beforeAll(async () => {
  own = await createTestDatabase();
  session = new pg.Client({ connectionString: own.url });
  await session.connect();
});
afterAll(async () => {
  await session?.end();
  await own?.drop();
});

// Many small ones come at once, with the end of the command.
test.each([
  1, 63, 64, 65, 100, 50_000,
])("%i messages come whole, however slowly they are read, and the next command is answered", async (count) => {
  const { messages } = copyOut(session, `copy (select generate_series(1, ${count})) to stdout`);
  let read = 0;
  for await (const message of messages) {
    expect(message.toString()).toBe(`${++read}\n`);
    if (read % 1000 === 1) await new Promise((resolve) => setImmediate(resolve));
  }
  expect(read).toBe(count);
  expect((await session.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
});

test("what the server refuses is the error of the stream, and the next command is answered", async () => {
  const { messages } = copyOut(session, "copy (select * from nothing) to stdout");
  await expect(messages[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "42P01" });
  expect((await session.query("select 1 as one")).rows).toEqual([{ one: 1 }]);
});
