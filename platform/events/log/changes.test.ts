import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { added, type EventLog, openEventLog, removed } from "#platform/testing/event-log.ts";
import fc from "#platform/testing/property.ts";

let log: EventLog;
const clients: pg.Client[] = [];
beforeAll(async () => {
  log = await openEventLog();
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.end();
});
afterAll(() => log.close());

/** Writes an event, which gets its position, and leaves the transaction open. */
async function openWriter(value: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: log.url });
  await client.connect();
  clients.push(client);
  const payload = Buffer.concat([Buffer.from([10, value.length]), Buffer.from(value)]);
  await client.query("begin");
  await client.query("select events.append($1, $2, $3, $4, $5)", [
    [value.length % 16],
    [added.name],
    [value],
    [payload],
    [null],
  ]);
  return client;
}

const remove = (value: string) =>
  log.events.transaction(log.db, async (_transaction, emit) => emit(removed, { value }));

/** Somebody who looks at the log now and then. */
function watcher(types = [added]) {
  let cursor = "";
  return async () => {
    const found = await log.events.changesSince(types, cursor);
    cursor = found.cursor;
    return found.events?.map(({ message }) => message.value);
  };
}

describe("changes since a cursor", () => {
  it("are reported from the first call on, once if no transaction is open", async () => {
    await log.emit("before");
    const look = watcher();
    expect(await look()).toBeUndefined();
    expect(await look()).toEqual([]);
    await log.emit("one", "two");
    expect((await look())!.sort()).toEqual(["one", "two"]);
    expect(await look()).toEqual([]);
  });

  it("are seen at once, whatever else is open, and late commits when they happen", async () => {
    const look = watcher();
    await look();
    const first = await openWriter("first");
    const second = await openWriter("second!");
    await log.emit("third");
    expect(await look()).toEqual(["third"]);
    expect(await look()).toEqual([]);
    await second.query("commit");
    expect(await look()).toContain("second!");
    await first.query("commit");
    expect(await look()).toContain("first");
    await log.emit("last");
    await look();
    expect(await look()).toEqual([]);
  });

  it("are only of the subscribed types; others do not accumulate", async () => {
    const look = watcher([removed as never]);
    await look();
    for (let i = 0; i < 3; i++) {
      await log.emit(...Array.from({ length: 600 }, (_, n) => `${i} ${n}`));
      expect(await look()).toEqual([]);
    }
  });

  it("are told however much of other types was written, up to a bound", async () => {
    const look = watcher([removed as never]);
    await look();
    await log.emit(...Array.from({ length: 1200 }, (_, n) => `other ${n}`));
    await remove("this");
    await log.emit(...Array.from({ length: 1200 }, (_, n) => `another ${n}`));
    expect(await look()).toEqual(["this"]);
    await log.database.pool.query(
      `select events.append_hashed(array_agg(n), array_agg('other.v1'::text), array_agg('x'::text), array_agg('\\x'::bytea),
         array_agg('t'::text)) from generate_series(1, 20001) n`,
    );
    expect(await look()).toBeUndefined();
    await remove("that");
    expect(await look()).toEqual(["that"]);
  });

  it("are too many after very many, and then reported again", async () => {
    const look = watcher();
    await look();
    await log.emit(...Array.from({ length: 1200 }, (_, n) => `many ${n}`));
    expect(await look()).toBeUndefined();
    await look();
    await log.emit("after");
    expect(await look()).toEqual(["after"]);
  });

  it("are reported when they commit, however many have been committed above them", async () => {
    const look = watcher();
    await look();
    const held = await openWriter("held!");
    await log.emit(...Array.from({ length: 1200 }, (_, n) => `above ${n}`));
    expect(await look()).toBeUndefined();
    expect(await look()).toBeUndefined();
    await held.query("commit");
    expect(await look()).toBeUndefined();
    await look();
    await log.emit("after");
    expect(await look()).toEqual(["after"]);
  });

  it("are unknown if they cannot be read, and later ones are reported", async () => {
    const look = watcher();
    await look();
    await log.database.pool.query("select events.append('{3}', $1, '{poison}', $2, '{null}')", [
      [added.name],
      [Buffer.from([0xff])],
    ]);
    expect(await look()).toBeUndefined();
    await log.emit("after");
    expect(await look()).toEqual(["after"]);
  });

  it.each([
    "",
    "x",
    "1",
    "-1 0",
    "1 2 3",
    "99999999999999999999 1",
  ])("starts over from the cursor %j", async (cursor) => {
    const found = await log.events.changesSince([added], cursor);
    expect(found.events).toBeUndefined();
    expect((await log.events.changesSince([added], found.cursor)).events).toEqual([]);
  });

  it("include everything committed before the call, in any order", async () => {
    const step = fc.oneof(
      fc.constant("draw"),
      fc.constant("look"),
      fc.record({ end: fc.constantFrom("commit", "rollback"), which: fc.nat(20) }),
    );
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        const open: { client: pg.Client; value: string }[] = [];
        const unseen = new Set<string>();
        const look = watcher();
        run++;
        await look();
        for (const [i, one] of steps.entries()) {
          if (one === "draw" && open.length < 4)
            open.push({ client: await openWriter(`${run}:${i}`), value: `${run}:${i}` });
          else if (one === "look") {
            for (const value of (await look())!) unseen.delete(value);
            expect([...unseen]).toEqual([]);
          } else if (typeof one === "object" && open.length > 0) {
            const [{ client, value }] = open.splice(one.which % open.length, 1) as [(typeof open)[0]];
            await client.query(one.end);
            if (one.end === "commit") unseen.add(value);
          }
        }
        for (const { client } of open) await client.query("rollback");
        for (const client of clients.splice(0)) await client.end();
      }),
      { numRuns: 40 },
    );
  });
});
