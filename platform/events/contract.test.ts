import { type ChildProcess, spawn } from "node:child_process";
import { createInterface } from "node:readline";
import { setTimeout as delay } from "node:timers/promises";
import { sql } from "kysely";
import pg from "pg";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ConsumedLog } from "#platform/testing/consumed-log.ts";
import { added, type EffectTables, removed, writeEffects } from "#platform/testing/event-log.ts";
import { consumerScript, describeLogs } from "#platform/testing/log-suite.ts";
import fc from "#platform/testing/property.ts";
import { deadLetters, drop, replay, reset } from "./admin/admin.ts";
import { readAllLag } from "./admin/all-lag.ts";
import type { ConsumeOptions, Consumer } from "./consumer/consumer.ts";

/** What every event log keeps to, wherever groups get the events from. */
type Options = ConsumeOptions<EffectTables, typeof added>;

const script = consumerScript();

describeLogs(keepsItsPromises);

const quick = { interval: 10 };

function valuesOf(count: number, keys: number): string[] {
  return Array.from({ length: count }, (_, i) => `${i % keys}:${i}`);
}

function keepsItsPromises(open: () => Promise<ConsumedLog>): void {
  let log: ConsumedLog;
  const children: ChildProcess[] = [];
  beforeEach(async () => {
    log = await open();
  });
  afterEach(async () => {
    for (const child of children.splice(0)) child.kill("SIGKILL");
    await log.close();
  });

  function consume(options: Partial<Options> = {}, member = log.join()): Consumer {
    return member.events.consume({
      group: "test",
      types: [added],
      handle: writeEffects,
      retryDelayMs: 1,
      ...options,
    });
  }

  /** A consumer in a process of its own. */
  function spawnConsumer(hang = "never") {
    const child = spawn(process.execPath, [script, hang, ...log.args], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    children.push(child);
    const lines: string[] = [];
    createInterface({ input: child.stdout! }).on("line", (line) => lines.push(line));
    return {
      reached: (step: string) => expect.poll(() => lines, quick).toContain(step),
      async kill() {
        const exited = new Promise((resolve) => child.once("exit", resolve));
        child.kill("SIGKILL");
        await exited;
      },
    };
  }

  /** Resolves when all partitions are held, by so many members of which none has more than one more than another. */
  async function sharedBy(members: number): Promise<void> {
    const isEven = async () => {
      const { rows } = await log.pool.query<{ owner: string | null; share: number }>(
        "select owner, count(*)::int as share from events.consumer where group_name = 'test' group by owner",
      );
      const shares = rows.map(({ share }) => share);
      const areHeld = rows.every(({ owner }) => owner !== null);
      return areHeld && rows.length === members && Math.max(...shares) - Math.min(...shares) <= 1;
    };
    await expect.poll(isEven, quick).toBe(true);
  }

  /** Each of these was acted on once, and in order within its key. */
  async function expectAll(values: string[]): Promise<void> {
    const effects = await log.effects();
    expect([...effects].sort()).toEqual([...values].sort());
    const keyOf = (value: string) => value.split(":")[0]!;
    for (const key of new Set(values.map(keyOf))) {
      const ofKey = (all: string[]) => all.filter((value) => keyOf(value) === key);
      expect(ofKey(effects)).toEqual(ofKey(values));
    }
  }

  const dead = () => deadLetters(log.pool, undefined, 100);

  /** Writes what it is given and fails when the value is among these. */
  function failingOn(...poison: string[]): NonNullable<Options["handle"]> {
    return async (transaction, events) => {
      await writeEffects(transaction, events);
      const bad = events.find((event) => poison.includes(event.message.value));
      if (bad) throw new Error(`cannot handle ${bad.message.value}`);
    };
  }

  describe("a group", () => {
    it("gets its types of events from before and after its start, with their trace and time", async () => {
      await log.emit("a:1", "b:1");
      const seen: string[] = [];
      const consumer = consume({
        handle: async (transaction, events) => {
          seen.push(...events.map(({ type, key, traceId, atMs }) => `${type} ${key} ${atMs} ${traceId}`));
          await writeEffects(transaction, events);
        },
      });
      await log.writer.transaction(log.facts.db, async (_, emit) => {
        emit(removed, { value: "a:gone" });
        emit(added, { value: "ключ\n:2" }, "c".repeat(32));
      });
      await consumer.settled();
      expect((await log.effects()).sort()).toEqual(["a:1", "b:1", "ключ\n:2"]);
      const { rows } = await log.facts.database.pool.query(
        "select type, key, at, trace_id from events.log where type = 'test.added.v1'",
      );
      expect(seen.sort()).toEqual(
        rows.map(({ type, key, at, trace_id }) => `${type} ${key} ${at.getTime()} ${trace_id}`).sort(),
      );
      // What names no trace belongs to one of its transaction.
      expect(new Set(rows.map(({ trace_id }) => trace_id)).size).toBe(2);
      expect(rows.at(-1).trace_id).toBe("c".repeat(32));
    });

    it("that begins at the end gets only new events", async () => {
      await log.emit("a:1");
      await log.carried();
      const consumer = consume({ from: "end" });
      await consumer.settled();
      await log.emit("a:2");
      await consumer.settled();
      expect(await log.effects()).toEqual(["a:2"]);
    });

    it("continues where it stopped, and every group gets everything", async () => {
      const first = consume();
      await log.emit("a:1");
      await first.settled();
      await first.stop();
      await log.emit("a:2");
      await Promise.all([consume().settled(), consume({ group: "other" }).settled()]);
      expect((await log.effects()).sort()).toEqual(["a:1", "a:1", "a:2", "a:2"]);
    });

    it("gets a batch in its order, and nothing of facts without events or of what was rolled back", async () => {
      const consumer = consume();
      await log.writer.transaction(log.facts.db, async () => {});
      const failing = log.writer.transaction(log.facts.db, async (transaction, emit) => {
        emit(added, { value: "never" });
        await sql`insert into effect (event_position) values ('no number')`.execute(transaction);
      });
      await expect(failing).rejects.toThrow();
      const values = Array.from({ length: 1500 }, (_, i) => `a:${i}`);
      await log.emit(...values);
      await consumer.settled();
      expect(await log.effects()).toEqual(values);
    });

    it("gets nothing of a transaction held open before it commits, and then all", async () => {
      const consumer = consume();
      await log.emit("before");
      await expect.poll(log.effects, quick).toEqual(["before"]);
      const held = new pg.Client({ connectionString: log.facts.url });
      await held.connect();
      await held.query("begin");
      await held.query(
        String.raw`select events.append('{3}', '{test.added.v1}', '{held}', '{"\\x0a0468656c64"}', '{null}')`,
      );
      await log.emit("after:1");
      await log.emit("after:2");
      // Each look at the log takes a connection, and is a chance to run past it.
      let looks = 0;
      log.facts.database.pool.on("acquire", () => looks++);
      const look = async () => {
        await log.facts.database.pool.query("select events.horizon()");
        return looks;
      };
      await expect.poll(look, quick).toBeGreaterThan(20);
      expect(await log.effects()).toEqual(["before"]);
      await held.query("commit");
      await consumer.settled();
      expect((await log.effects()).sort()).toEqual(["after:1", "after:2", "before", "held"]);
      await held.end();
    });

    it("that was reset to the start handles everything again, to the end only what is new", async () => {
      const consumer = consume();
      await log.emit("a:1", "b:1");
      await consumer.settled();
      await reset(log.pool, "test", "start");
      await expect
        .poll(async () => (await log.effects()).sort(), quick)
        .toEqual(["a:1", "a:1", "b:1", "b:1"]);
      await consumer.stop();
      await log.emit("a:2");
      await log.carried();
      await reset(log.pool, "test", "end");
      const again = consume();
      const begun = async () => {
        const { rows } = await log.pool.query(
          "select min(position) as least, count(owner) = count(*) as held from events.consumer",
        );
        return rows[0].held && Number(rows[0].least) >= 0;
      };
      await expect.poll(begun, quick).toBe(true);
      await log.emit("a:3");
      await again.settled();
      expect((await log.effects()).slice(4)).toEqual(["a:3"]);
      await expect(reset(log.pool, "nobody", "end")).rejects.toMatchObject({ reason: "NO_SUCH_GROUP" });
    });

    it("that was reset in the middle handles a complete second round", async () => {
      const values = valuesOf(600, 7);
      await log.emit(...values);
      const consumer = consume({ batch: 5 });
      await expect.poll(async () => (await log.effects()).length, { interval: 2 }).toBeGreaterThan(20);
      const before = await log.effects();
      await reset(log.pool, "test", "start");
      const rounds = async () => {
        const counts = new Map(values.map((value) => [value, 0]));
        for (const value of await log.effects()) counts.set(value, counts.get(value)! + 1);
        return counts;
      };
      const done = async () => {
        const counts = await rounds();
        return (
          before.every((value) => counts.get(value) === 2) && values.every((value) => counts.get(value)! > 0)
        );
      };
      await expect.poll(done).toBe(true);
      await consumer.settled();
      expect(Math.max(...(await rounds()).values())).toBe(2);
      expect(await done()).toBe(true);
    });

    it("has a lag: what it listens to and has not handled, and the age of the oldest of it", async () => {
      const consumer = consume();
      await log.emit("a:1");
      await consumer.settled();
      await consumer.stop();
      await log.emit("a:2", "b:2");
      await log.writer.transaction(log.facts.db, async (_, emit) => emit(removed, { value: "a:gone" }));
      await log.facts.database.pool.query(
        "update events.log set at = at - interval '2 hours' where key = 'b'",
      );
      const [lag] = await readAllLag(log.pools);
      expect(lag).toMatchObject({ group: "test", types: ["test.added.v1"], records: 2, members: 0 });
      expect(lag!.seconds).toBeGreaterThan(7199);
      expect(lag!.seconds).toBeLessThan(7300);
    });
  });

  describe("a poison event", () => {
    it("is parked with the reason, alone, while the rest flows in order", async () => {
      const values = valuesOf(60, 4);
      await log.emit(...values);
      const attempts = new Map<string, number>();
      const consumer = consume({
        maxAttempts: 4,
        handle: async (transaction, events, context) => {
          for (const { message } of events)
            attempts.set(message.value, (attempts.get(message.value) ?? 0) + 1);
          await failingOn("1:17", "2:30")(transaction, events, context);
        },
      });
      await consumer.settled();
      expect(
        (await dead())
          .map(({ key, type, attempts: count, reason, group }) => [group, type, key, count, reason])
          .sort(),
      ).toEqual([
        ["test", "test.added.v1", "1", 4, "Error: cannot handle 1:17"],
        ["test", "test.added.v1", "2", 4, "Error: cannot handle 2:30"],
      ]);
      // Perhaps once in the batch of all, and then as often as it is allowed.
      expect([4, 5]).toContain(attempts.get("1:17"));
      await expectAll(values.filter((value) => value !== "1:17" && value !== "2:30"));
      expect(await readAllLag(log.pools)).toMatchObject([{ records: 0, seconds: 0, deadLetters: 2 }]);
    });

    it("is handled again when an operator asks, once, by whichever member has it", async () => {
      await log.emit("a:1", "a:bad", "a:2", "b:bad");
      const bad = ["a:bad", "b:bad"];
      const handle: NonNullable<Options["handle"]> = (...given) => failingOn(...bad)(...given);
      const consumer = consume({ handle, maxAttempts: 2 });
      await consumer.settled();
      expect(await dead()).toHaveLength(2);
      consume({ handle, maxAttempts: 2 });
      // It fails again, and waits for another try.
      await replay(log.pool, { group: "test" });
      await expect
        .poll(async () => (await dead()).map((letter) => [letter.attempts, letter.replay]), quick)
        .toEqual([
          [3, false],
          [3, false],
        ]);
      bad.length = 0;
      const letter = (await dead()).find(({ key }) => key === "a")!;
      expect(await replay(log.pool, { group: "test", id: letter.id })).toBe(1);
      await expect.poll(async () => (await dead()).map(({ key }) => key), quick).toEqual(["b"]);
      await replay(log.pool, {});
      await expect.poll(dead, quick).toEqual([]);
      expect((await log.effects()).sort()).toEqual(["a:1", "a:2", "a:bad", "b:bad"]);
      await expect(replay(log.pool, {})).rejects.toMatchObject({ reason: "NO_DEAD_LETTER" });
    });

    it("is dropped for good if an operator says so, and no other", async () => {
      await log.emit("a:bad", "b:bad");
      const consumer = consume({ handle: failingOn("a:bad", "b:bad"), maxAttempts: 1 });
      await consumer.settled();
      const letter = (await dead()).find(({ key }) => key === "a")!;
      await expect(drop(log.pool, { group: "other", id: letter.id })).rejects.toMatchObject({
        reason: "NO_DEAD_LETTER",
      });
      await drop(log.pool, { group: "test", id: letter.id });
      expect((await dead()).map(({ key }) => key)).toEqual(["b"]);
      await replay(log.pool, {});
      await expect.poll(async () => (await dead()).map(({ attempts }) => attempts), quick).toEqual([2]);
      expect(await log.effects()).toEqual([]);
    });
  });

  const sixInARow = ["k:1", "k:2", "k:3", "k:4", "k:5", "k:6"];

  type ClientWithSocket = pg.PoolClient & { connection: { stream: { destroy(): void } } };

  /** Holds up the commit of whoever handled the event `k:3`. */
  async function holdCommits() {
    await log.pool.query(`
      create function test.wait() returns trigger language plpgsql as
        'begin perform pg_advisory_xact_lock(1); return null; end';
      create constraint trigger wait after insert on test.effect deferrable initially deferred
        for each row when (new.value = 'k:3') execute function test.wait()`);
    const client = await log.pool.connect();
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
      release: () => client.release(true),
    };
  }

  describe("a consumer killed", () => {
    it.each([
      ["before the effect", "begin"],
      ["during the effect", "middle"],
      ["between the effect and the commit", "end"],
      ["after the commit, before the next batch", "next"],
    ])("%s acts once", async (_, step) => {
      await log.emit(...sixInARow);
      await log.carried();
      const consumer = spawnConsumer(step);
      await consumer.reached(step);
      await consumer.kill();
      const before = step === "next" ? 4 : 2;
      expect(await log.effects()).toEqual(sixInARow.slice(0, before));
      await consume().settled();
      expect(await log.effects()).toEqual(sixInARow);
    });

    it("while the commit is under way, which then succeeds, acts once", async () => {
      const holder = await holdCommits();
      await log.emit(...sixInARow);
      const consumer = spawnConsumer("commit");
      await consumer.reached("commit");
      await expect.poll(holder.committing, quick).toBe(1);
      await consumer.kill();
      const successor = consume();
      // It waits for the row that the dead one's transaction still holds.
      await sharedBy(1);
      holder.release();
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
      const consumer = consume({}, member);
      await log.emit(...sixInARow);
      await expect.poll(holder.committing, quick).toBe(1);
      for (const socket of sockets.splice(0)) socket.destroy();
      holder.release();
      await expect.poll(log.effects, quick).toEqual(sixInARow);
      await log.emit("k:7");
      await consumer.settled();
      expect(await log.effects()).toEqual([...sixInARow, "k:7"]);
    });

    it("leaves its partitions to another process, and both together have consumed everything once", async () => {
      const values = valuesOf(3_000, 50);
      const [a, b] = [spawnConsumer(), spawnConsumer()];
      await sharedBy(2);
      const emitting = (async () => {
        for (let i = 0; i < values.length; i += 30) await log.emit(...values.slice(i, i + 30));
      })();
      const done = async () => (await log.effects()).length;
      await expect.poll(done, { interval: 5 }).toBeGreaterThan(200);
      await a.kill();
      await emitting;
      await expect.poll(done).toBe(values.length);
      await sharedBy(1);
      await expectAll(values);
      await b.kill();
    });
  });

  describe("partitions", () => {
    it("are shared evenly when members join and taken over at once when one leaves", async () => {
      const first = consume();
      await sharedBy(1);
      const second = consume();
      await sharedBy(2);
      const third = consume();
      await sharedBy(3);
      await log.emit("a:1");
      await third.settled();
      await second.stop();
      await sharedBy(2);
      await first.stop();
      await sharedBy(1);
      await log.emit("a:2");
      await third.settled();
      await third.stop();
      const { rows } = await log.pool.query("select from events.consumer where owner is not null");
      expect(rows).toEqual([]);
      expect(await log.effects()).toEqual(["a:1", "a:2"]);
    });

    it("keep the order of keys while they change hands under load", async () => {
      const values = valuesOf(2_000, 40);
      const emitting = (async () => {
        for (let i = 0; i < values.length; i += 10) await log.emit(...values.slice(i, i + 10));
      })();
      const stay = consume();
      for (let i = 0; i < 3; i++) {
        const guest = consume();
        await sharedBy(2);
        await guest.stop();
      }
      await emitting;
      await stay.settled();
      await expectAll(values);
    });
  });

  describe("with many writers at the same keys at once", () => {
    const write = fc.record({
      keys: fc.uniqueArray(fc.constantFrom("a", "b", "c", "d", "e"), { minLength: 1, maxLength: 3 }),
      pauseMs: fc.integer({ min: 0, max: 4 }),
      fails: fc.boolean(),
    });

    it("every committed event is handled once, and in the order of the facts of its key", async () => {
      const { facts, writer } = log;
      await facts.database.pool.query("create table test.counter (key text primary key, n int8 not null)");
      const writers = [{ events: writer, db: facts.db }, facts.join()];
      const consumers = [consume(), consume()];
      await fc.assert(
        fc.asyncProperty(fc.array(write, { minLength: 20, maxLength: 60 }), async (writes) => {
          await facts.database.pool.query("truncate test.counter");
          await log.pool.query("truncate test.effect");
          await Promise.all(
            writes.map(async ({ keys, pauseMs, fails }, i) => {
              const { events, db } = writers[i % 2]!;
              const work = events.transaction(db, async (transaction, emit) => {
                for (const key of keys.sort()) {
                  const { rows } = await sql<{ n: string }>`
                    insert into test.counter as c (key, n) values (${key}, 1)
                    on conflict (key) do update set n = c.n + 1 returning n`.execute(transaction);
                  emit(added, { value: `${key}:${rows[0]!.n}` });
                  await delay(pauseMs);
                }
                if (fails) throw new Error("rolled back");
              });
              await work.catch((error) => expect(error.message).toBe("rolled back"));
            }),
          );
          await consumers[0]!.settled();
          const { rows } = await facts.database.pool.query("select key, n from test.counter");
          await expectAll(
            rows.flatMap(({ key, n }) => Array.from({ length: Number(n) }, (_, i) => `${key}:${i + 1}`)),
          );
        }),
        { numRuns: 8 },
      );
    });
  });
}
