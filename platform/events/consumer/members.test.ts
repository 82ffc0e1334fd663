import { type ChildProcess, spawn } from "node:child_process";
import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import pg from "pg";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { bundleScript } from "#platform/testing/bundle-script.ts";
import { added, type EventLog, openEventLog, writeEffects } from "#platform/testing/event-log.ts";

const source = fileURLToPath(new URL("../../testing/consume-events.ts", import.meta.url));
// In the source folder, so that the script finds node_modules.
const build = fileURLToPath(new URL("../../../build", import.meta.url));
const script = join(build, `consume-events-${process.pid}.mjs`);
let log: EventLog;
const children: ChildProcess[] = [];

beforeAll(async () => {
  await mkdir(build, { recursive: true });
  await bundleScript(source, script);
});
afterAll(() => rm(script, { force: true }));
beforeEach(async () => {
  log = await openEventLog();
});
afterEach(async () => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
  await log.close();
});

/** A consumer in a process of its own. */
function spawnConsumer(hang = "never") {
  const child = spawn(process.execPath, [script, log.url, hang], { stdio: ["ignore", "pipe", "inherit"] });
  children.push(child);
  const lines: string[] = [];
  createInterface({ input: child.stdout! }).on("line", (line) => lines.push(line));
  return {
    reached: (step: string) => expect.poll(() => lines).toContain(step),
    async kill() {
      const exited = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGKILL");
      await exited;
    },
  };
}

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

type ClientWithSocket = pg.PoolClient & { connection: { stream: { destroy(): void } } };

/** Holds up the commit of whoever handled the event `k:3`. */
async function holdCommits() {
  await log.database.pool.query(`
    create function test.wait() returns trigger language plpgsql as
      'begin perform pg_advisory_xact_lock(1); return null; end';
    create constraint trigger wait after insert on test.effect deferrable initially deferred
      for each row when (new.value = 'k:3') execute function test.wait()`);
  const client = new pg.Client({ connectionString: log.url });
  await client.connect();
  await client.query("select pg_advisory_lock(1)");
  return {
    /** How many wait. */
    async committing() {
      const { rows } = await client.query(
        `select from pg_stat_activity
         where datname = current_database() and wait_event = 'advisory' and query = 'commit'`,
      );
      return rows.length;
    },
    release: () => client.end(),
  };
}

const sixInARow = ["k:1", "k:2", "k:3", "k:4", "k:5", "k:6"];

describe("a consumer killed", () => {
  it.each([
    ["before the effect", "begin"],
    ["during the effect", "middle"],
    ["between the effect and the commit", "end"],
    ["after the commit, before the next batch", "next"],
  ])("%s acts once", async (_, step) => {
    await log.emit(...sixInARow);
    const consumer = spawnConsumer(step);
    await consumer.reached(step);
    await consumer.kill();
    const before = step === "next" ? 4 : 2;
    expect(await log.effects()).toEqual(sixInARow.slice(0, before));
    await consumeHere().settled();
    expect(await log.effects()).toEqual(sixInARow);
  });

  it("while the commit is under way, which then succeeds, acts once", async () => {
    const holder = await holdCommits();
    await log.emit(...sixInARow);
    const consumer = spawnConsumer("commit");
    await consumer.reached("commit");
    await expect.poll(holder.committing).toBe(1);
    await consumer.kill();
    const successor = consumeHere();
    // It waits for the row that the dead one's transaction still holds.
    await expect.poll(shares).toEqual([16]);
    await holder.release();
    await successor.settled();
    expect(await log.effects()).toEqual(sixInARow);
  });

  it("or rather cut off, while the commit is under way, which then succeeds, acts once and goes on", async () => {
    const holder = await holdCommits();
    const member = log.join();
    const sockets: { destroy(): void }[] = [];
    member.database.pool.on("connect", (client) =>
      sockets.push((client as ClientWithSocket).connection.stream),
    );
    const consumer = consumeHere(member);
    await log.emit(...sixInARow);
    await expect.poll(holder.committing).toBe(1);
    for (const socket of sockets.splice(0)) socket.destroy();
    await holder.release();
    await consumer.settled();
    await log.emit("k:7");
    await consumer.settled();
    expect(await log.effects()).toEqual([...sixInARow, "k:7"]);
  });

  it("leaves its partitions to another process, and both together have consumed everything once", async () => {
    const values = Array.from({ length: 3_000 }, (_, i) => `${i % 50}:${i}`);
    const [a, b] = [spawnConsumer(), spawnConsumer()];
    await expect.poll(shares).toEqual([8, 8]);
    const emitting = (async () => {
      for (let i = 0; i < values.length; i += 30) await log.emit(...values.slice(i, i + 30));
    })();
    const done = async () => (await log.effects()).length;
    await expect.poll(done, { interval: 5 }).toBeGreaterThan(200);
    await a.kill();
    await emitting;
    await expect.poll(done).toBe(values.length);
    expect(await shares()).toEqual([16]);
    const effects = await log.effects();
    expect([...effects].sort()).toEqual([...values].sort());
    for (let key = 0; key < 50; key++) {
      const of = (all: string[]) => all.filter((value) => value.startsWith(`${key}:`));
      expect(of(effects)).toEqual(of(values));
    }
    await b.kill();
  });
});

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
  it("are shared evenly when members join and taken over at once when one leaves", async () => {
    const first = consumeHere();
    await expect.poll(shares).toEqual([16]);
    const second = consumeHere(log.join());
    await expect.poll(shares).toEqual([8, 8]);
    const third = consumeHere(log.join());
    await expect.poll(shares).toEqual([5, 5, 6]);
    await log.emit("a:1");
    await third.settled();
    await second.stop();
    await expect.poll(shares).toEqual([8, 8]);
    await first.stop();
    await expect.poll(shares).toEqual([16]);
    await log.emit("a:2");
    await third.settled();
    await third.stop();
    expect(await shares()).toEqual([]);
    expect(await log.effects()).toEqual(["a:1", "a:2"]);
  });

  it("keep the order of keys while they change hands under load", async () => {
    const values = Array.from({ length: 2_000 }, (_, i) => `${i % 40}:${i}`);
    const emitting = (async () => {
      for (let i = 0; i < values.length; i += 10) await log.emit(...values.slice(i, i + 10));
    })();
    const stay = consumeHere();
    for (let i = 0; i < 3; i++) {
      const guest = consumeHere(log.join());
      await expect.poll(shares).toEqual([8, 8]);
      await guest.stop();
    }
    await emitting;
    await stay.settled();
    const effects = await log.effects();
    expect(effects.length).toBe(values.length);
    for (let key = 0; key < 40; key++) {
      const of = (all: string[]) => all.filter((value) => value.startsWith(`${key}:`));
      expect(of(effects)).toEqual(of(values));
    }
  });

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
