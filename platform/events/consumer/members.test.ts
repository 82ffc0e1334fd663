import pg from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { added, type EventLog, openEventLog, writeEffects } from "#platform/testing/event-log.ts";

let log: EventLog;
beforeEach(async () => {
  log = await openEventLog();
});
afterEach(() => log.close());

function consumeHere(member: Pick<EventLog, "events" | "db"> = log) {
  return member.events.consume({ group: "test", types: [added], handle: writeEffects });
}

/** How many partitions each member has. */
async function shares(): Promise<number[]> {
  const { rows } = await log.database.pool.query<{ partitions: string }>(
    "select count(*) as partitions from events.consumer where owner is not null group by owner order by 1",
  );
  return rows.map((row) => Number(row.partitions));
}

it("a database that fails in the middle of joining a group: the member joins when it is back", async () => {
  await log.database.pool.query("alter table events.dead rename to away");
  let connections = 0;
  log.database.pool.on("acquire", () => connections++);
  const consumer = consumeHere();
  await expect.poll(() => connections).toBeGreaterThan(20);
  expect(await shares()).toEqual([]);
  await log.database.pool.query("alter table events.away rename to dead");
  await log.emit("a:1");
  await consumer.settled();
  expect(await shares()).toEqual([16]);
});

describe("partitions", () => {
  /** Somebody takes all over between a member's reading of the first event and its claim. */
  async function takeOver(change: string) {
    const slow = consumeHere();
    await slow.settled();
    await expect.poll(shares).toEqual([16]);
    const successor = new pg.Client({ connectionString: log.url });
    await successor.connect();
    await successor.query("begin");
    await successor.query("select from events.consumer for update");
    await log.emit("a:1");
    const backends = async (what: string) => {
      const { rows } = await log.database.pool.query(
        `select from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid() and ${what}`,
      );
      return rows.length;
    };
    const claiming = "wait_event_type = 'Lock' and query like '%update events.consumer c%'";
    await expect.poll(() => backends(claiming)).toBe(1);
    const id = "00000000-0000-4000-8000-000000000000";
    await successor.query(`insert into lease.process values ('${id}', now() + interval '1 hour')`);
    await successor.query(`insert into events.member values ('test', '${id}')`);
    await successor.query(`update events.consumer set owner = '${id}', term = term + 1`);
    await successor.query(change);
    await successor.query("commit");
    return {
      /** The member has done with its claim what it does with it. */
      claimed: () => expect.poll(() => backends("xact_start is not null")).toBe(0),
      async end() {
        await successor.query("delete from lease.process where id = $1", [id]);
        await successor.end();
        await log.emit("a:2");
        await slow.settled();
      },
    };
  }

  it("of a member that was thought dead are handled by its successor alone", async () => {
    const successor = await takeOver(
      `with moved as (update events.consumer set position = 1)
       insert into test.effect (event_position, value) values (1, 'a:1')`,
    );
    await successor.end();
    expect(await log.effects()).toEqual(["a:1", "a:2"]);
  });

  it("that nobody has handled yet are not those of a member that was thought dead either", async () => {
    const successor = await takeOver("select");
    await successor.claimed();
    expect(await log.effects()).toEqual([]);
    await successor.end();
    expect(await log.effects()).toEqual(["a:1", "a:2"]);
  });
});
