import { setTimeout as delay, setImmediate as immediate } from "node:timers/promises";
import { sql } from "kysely";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import {
  added,
  type EffectTables,
  type EventLog,
  openEventLog,
  removed,
  writeEffects,
} from "#platform/testing/event-log.ts";
import { openDatabase } from "../../db/database.ts";
import { DomainError } from "../../errors/domain-error.ts";
import { createLog, type Logger } from "../../observe/log.ts";
import { deadLetters, replay } from "../admin/admin.ts";
import { createEvents } from "../events.ts";
import type { ConsumeOptions, Consumer } from "./consumer.ts";
import { inTimeSlices } from "./time-slice.ts";

type Options = ConsumeOptions<EffectTables, typeof added>;

let log: EventLog;
beforeEach(async () => {
  log = await openEventLog();
});
afterEach(() => log.close());

function consume(options: Partial<Options> = {}, member: Pick<EventLog, "events" | "db"> = log): Consumer {
  return member.events.consume({
    group: "test",
    types: [added],
    handle: writeEffects,
    retryDelayMs: 1,
    ...options,
  });
}

const dead = () => deadLetters(log.database.pool, undefined, 100);

/** A log that keeps its warnings. */
function countWarnings(): { quiet: Logger; warnings: string[] } {
  const warnings: string[] = [];
  const quiet: Logger = Object.assign(Object.create(createLog("silent")), {
    warn: (_fields: object, text: string) => void warnings.push(text),
    child: () => quiet,
  });
  return { quiet, warnings };
}

describe("a group", () => {
  it("has one member in a process: a second one is refused and does not disturb it", async () => {
    const consumer = consume();
    expect(() => consume()).toThrow(/already/);
    await log.emit("a:1");
    await consumer.settled();
    expect(await log.effects()).toEqual(["a:1"]);
    await consumer.stop();
    await consume().settled();
  });

  it("that cannot read waits before it tries again, however many events come, and stops at once", async () => {
    const { quiet, warnings } = countWarnings();
    const own = await openEventLog({ log: quiet });
    const other = consume({ group: "other" }, own);
    // Once it has handled an event it has joined and holds its partitions, and needs the table no more.
    await own.emit("a:0");
    await other.settled();
    await own.database.pool.query("alter table events.consumer_group rename to gone");
    const consumer = consume({ retryDelayMs: 600_000 }, own);
    const failures = () => warnings.filter((text) => text === "could not read events").length;
    await expect.poll(failures).toBe(1);
    for (const value of ["a:1", "a:2", "a:3"]) {
      await own.emit(value);
      await other.settled();
    }
    expect(failures()).toBe(1);
    await consumer.stop();
    await own.close();
  });

  it("handles at most a batch in one transaction, each event in one", async () => {
    const values = Array.from({ length: 95 }, (_, i) => `${i}:x`);
    await log.emit(...values);
    const sizes: number[] = [];
    const consumer = consume({
      batch: 10,
      handle: async (transaction, events) => {
        sizes.push(events.length);
        await writeEffects(transaction, events);
      },
    });
    await consumer.settled();
    expect((await log.effects()).sort()).toEqual(values.sort());
    expect(Math.max(...sizes)).toBe(10);
  });

  it("passes very many events that it does not want", async () => {
    // All in one statement could take longer than one may.
    for (let part = 0; part < 9; part++)
      await log.database.pool.query(
        `insert into events.log (partition, type, key, payload)
         select 3, 'test.removed.v1', 'k', '' from generate_series(1, 50000)`,
      );
    await log.emit("a:1");
    await consume().settled();
    expect(await log.effects()).toEqual(["a:1"]);
    const stored = async () => {
      const { rows } = await log.database.pool.query("select min(position) as least from events.consumer");
      return Number(rows[0].least);
    };
    await expect.poll(stored).toBe(450_001);
  });

  it("can add events in the transaction of its effect", async () => {
    await log.emit("a:1");
    const follow = consume({
      group: "follow",
      handle: async (_, events, { emit }) => {
        for (const { message } of events) emit(removed, { value: `${message.value}:gone` });
      },
    });
    const listen = log.events.consume({
      group: "listen",
      types: [removed],
      handle: writeEffects,
    });
    await follow.settled();
    await listen.settled();
    expect(await log.effects()).toEqual(["a:1:gone"]);
  });
});

describe("a poison event", () => {
  it("of undecodable bytes is parked too", async () => {
    await log.database.pool.query(
      `insert into events.log (partition, type, key, payload) values (0, 'test.added.v1', 'k', '\\xff')`,
    );
    await log.emit("a:1");
    await consume({ maxAttempts: 2 }).settled();
    expect(await log.effects()).toEqual(["a:1"]);
    expect((await dead())[0]).toMatchObject({ key: "k", attempts: 2 });
  });
});

describe("an error that says not now", () => {
  it("is retried without limit and parks nothing", async () => {
    let refusals = 0;
    const consumer = consume({
      maxAttempts: 2,
      handle: async (transaction, events) => {
        await writeEffects(transaction, events);
        if (++refusals < 8) throw new DomainError("unavailable", "USER_UNAVAILABLE", "Not now.");
      },
    });
    await log.emit("a:1", "b:1");
    await consumer.settled();
    expect((await log.effects()).sort()).toEqual(["a:1", "b:1"]);
    expect(await dead()).toEqual([]);
  });

  it("may be the loss of the database's connections", async () => {
    let cuts = 0;
    const consumer = consume({
      maxAttempts: 1,
      handle: async (transaction, events) => {
        await writeEffects(transaction, events);
        if (++cuts > 3) return;
        await log
          .join()
          .database.pool.query(
            "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()",
          );
        await writeEffects(transaction, events);
      },
    });
    await log.emit("a:1").catch(() => {});
    await expect.poll(() => log.effects().catch(() => [])).toEqual(["a:1"]);
    await expect.poll(() => consumer.settled().then(dead, () => "not yet")).toEqual([]);
  });
});

describe("a handler that works in time slices", () => {
  it("continues after short time slices and slow statements, and parks nothing", async () => {
    let calls = 0;
    let done = 0;
    const prepare = inTimeSlices<unknown, undefined>(
      async (_events, { checkTimeSlice }) => {
        calls++;
        if (calls <= 4) {
          await log.db.transaction().execute(async (transaction) => {
            await sql`set local statement_timeout = 20`.execute(transaction);
            await sql`select pg_sleep(10)`.execute(transaction);
          });
        }
        while (done < 40) {
          await sql`select pg_sleep(0.005)`.execute(log.db);
          // Each time slice gets one step further, however slow the machine is.
          done++;
          checkTimeSlice();
        }
        return undefined;
      },
      { sliceMs: 50 },
    );
    const consumer = consume({ maxAttempts: 2, prepare });
    await log.emit("a:1");
    await consumer.settled();
    expect(calls).toBeGreaterThan(5);
    expect(await log.effects()).toEqual(["a:1"]);
    expect(await dead()).toEqual([]);
  });

  it("goes on soon after each time slice, and nobody is warned of it", async () => {
    const { quiet, warnings } = countWarnings();
    const own = await openEventLog({ log: quiet });
    let slices = 0;
    const prepare = inTimeSlices<unknown, undefined>(
      async (_events, { checkTimeSlice }) => {
        while (++slices < 15) {
          await sql`select pg_sleep(0.001)`.execute(own.db);
          checkTimeSlice();
        }
        return undefined;
      },
      { sliceMs: 0 },
    );
    const consumer = consume({ prepare, retryDelayMs: 10 }, own);
    await own.emit("a:1");
    // With delays that double, these would be a minute.
    await consumer.settled(20_000);
    expect(slices).toBe(15);
    expect(warnings.filter((text) => /events/.test(text))).toEqual([]);
    await own.close();
  });

  it("times out with a statement that never fits, and is parked in the end", async () => {
    const prepare = inTimeSlices<unknown, undefined>(async (_events, { checkTimeSlice }) => {
      checkTimeSlice();
      throw Object.assign(new Error("canceling statement"), { code: "57014" });
    });
    const consumer = consume({ prepare, slowForMs: 0 });
    await log.emit("a:1");
    await consumer.settled(20_000);
    expect(await dead()).toHaveLength(1);
  });

  it("ends when it has been cut off", async () => {
    let ended: unknown;
    const working = inTimeSlices<unknown, void>(async (_events, { checkTimeSlice }) => {
      for (let step = 0; step < 100; step++) {
        await immediate();
        checkTimeSlice();
      }
    });
    const late = new AbortController();
    const work = working([], { signal: late.signal });
    late.abort();
    await work.catch((error) => {
      ended = error;
    });
    expect(ended).toMatchObject({ reason: "TIME_SLICE_OVER" });
  });
});

describe("what a handler prepares", () => {
  it("holds no connection, so that many groups work on few", async () => {
    const database = openDatabase(log.url, { log: createLog("silent"), maxConnections: 2 });
    const all = createEvents({
      databases: [{ database, lease: log.lease }],
      databaseOf: () => database,
      log: createLog("silent"),
    });
    const few = { db: database.of<EffectTables>("test"), events: all.of<EffectTables>("test") };
    try {
      await log.emit("a:1");
      let together = 0;
      let all: () => void = () => {};
      const allCame = new Promise<void>((resolve) => {
        all = resolve;
      });
      const groups = ["1", "2", "3", "4", "5", "6"].map((group) =>
        few.events.consume<typeof added, string>({
          group,
          types: [added],
          async prepare([event]) {
            if (++together === 6) all();
            await allCame;
            const { rows } = await sql<{
              twice: string;
            }>`select ${event!.message.value} || '!' as twice`.execute(few.db);
            return `${group} ${rows[0]!.twice}`;
          },
          async handle(transaction, [event], { prepared }) {
            const { position, key } = event!;
            await transaction
              .insertInto("effect")
              .values({ event_position: position, key, value: prepared })
              .execute();
          },
        }),
      );
      await Promise.all(groups.map((consumer) => consumer.settled()));
      expect((await log.effects()).sort()).toEqual(
        ["1", "2", "3", "4", "5", "6"].map((group) => `${group} a:1!`),
      );
      expect(together).toBe(6);
    } finally {
      await all.stop();
      await database.close();
    }
  });

  it("runs again in the next attempt, and its failure parks the event like the handler's own", async () => {
    let prepared = 0;
    const consumer = consume({
      maxAttempts: 3,
      async prepare(events) {
        prepared++;
        if (events.some(({ message }) => message.value === "a:bad")) throw new Error("not to be prepared");
        return undefined;
      },
    });
    await log.emit("a:bad", "b:1");
    await consumer.settled();
    expect(await log.effects()).toEqual(["b:1"]);
    expect(await dead()).toMatchObject([{ key: "a", attempts: 3, reason: "Error: not to be prepared" }]);
    expect(prepared).toBeGreaterThanOrEqual(4);
  });

  it("ends with its time, is tried until it is quick enough, and never overlaps with itself", async () => {
    let working = 0;
    let most = 0;
    let attempts = 0;
    let handled = 0;
    const consumer = consume({
      maxAttempts: 1,
      handleTimeoutMs: 200,
      handle(transaction, events) {
        handled++;
        return writeEffects(transaction, events);
      },
      async prepare(_events, { signal }) {
        most = Math.max(most, ++working);
        if (++attempts < 4) {
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
          await delay(50);
        }
        working--;
        return undefined;
      },
    });
    await log.emit("a:1");
    await consumer.settled();
    expect(most).toBe(1);
    // The handler may have been too slow, too.
    expect(attempts).toBe(3 + handled);
    expect(await log.effects()).toEqual(["a:1"]);
    expect(await dead()).toEqual([]);
  });
});

describe("a handler that runs out of time", () => {
  it("because of a slow service is retried until it is fast, keeps the order and parks nothing", async () => {
    let tooSlow = 0;
    const consumer = consume({
      maxAttempts: 1,
      handleTimeoutMs: 200,
      handle: async (transaction, events, { signal }) => {
        if (tooSlow < 8) {
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
          tooSlow++;
        }
        await writeEffects(transaction, events);
      },
    });
    const values = ["a:1", "b:1", "a:2", "b:2", "a:3"];
    await log.emit(...values);
    await consumer.settled();
    const effects = await log.effects();
    expect([...effects].sort()).toEqual([...values].sort());
    for (const key of ["a:", "b:"]) {
      const ofKey = (all: string[]) => all.filter((value) => value.startsWith(key));
      expect(ofKey(effects)).toEqual(ofKey(values));
    }
    expect(await dead()).toEqual([]);
  });

  it.each([
    ["a call", () => new DomainError("deadline", "DEADLINE_EXCEEDED", "Too slow.")],
    ["a statement", () => Object.assign(new Error("canceling statement"), { code: "57014" })],
  ])("because %s ran out of time parks nothing", async (_what, error) => {
    let failures = 0;
    const consumer = consume({
      maxAttempts: 1,
      handle: async (transaction, events) => {
        if (failures++ < 4) throw error();
        await writeEffects(transaction, events);
      },
    });
    await log.emit("a:1", "b:1");
    await consumer.settled();
    expect((await log.effects()).sort()).toEqual(["a:1", "b:1"]);
    expect(await dead()).toEqual([]);
  });

  it("with many events gets through them one by one", async () => {
    const values = Array.from({ length: 12 }, (_, i) => `${i % 4}:${i}`);
    await log.emit(...values);
    let most = 0;
    const consumer = consume({
      maxAttempts: 1,
      handleTimeoutMs: 1_000,
      handle: async (transaction, events, { signal }) => {
        most = Math.max(most, events.length);
        // More than two of them never fit.
        if (events.length > 2) await new Promise((resolve) => signal.addEventListener("abort", resolve));
        await writeEffects(transaction, events);
      },
    });
    await consumer.settled();
    expect(most).toBeGreaterThan(2);
    expect((await log.effects()).sort()).toEqual(values.sort());
    expect(await dead()).toEqual([]);
  });

  it("does not overlap with the next attempt", async () => {
    let working = 0;
    let most = 0;
    let attempts = 0;
    const consumer = consume({
      handleTimeoutMs: 400,
      handle: async (transaction, events, { signal }) => {
        most = Math.max(most, ++working);
        if (++attempts < 4) {
          await new Promise((resolve) => signal.addEventListener("abort", resolve));
          await delay(100);
        }
        working--;
        await writeEffects(transaction, events);
      },
    });
    await log.emit("a:1");
    await consumer.settled();
    expect(most).toBe(1);
    expect(await log.effects()).toEqual(["a:1"]);
  });

  it("is cut off without effect, and the event that always takes too long is parked in the end", async () => {
    let late: Promise<void> | undefined;
    const consumer = consume({
      maxAttempts: 1,
      handleTimeoutMs: 1_000,
      slowForMs: 2_500,
      handle: async (transaction, events, { signal }) => {
        await writeEffects(transaction, events);
        if (events[0]!.message.value !== "a:slow") return;
        await new Promise((resolve) => signal.addEventListener("abort", resolve));
        late = writeEffects(transaction, events);
        await late;
      },
    });
    await log.emit("a:slow");
    await log.emit("a:1", "b:1");
    // Others need not wait for it to be given up.
    await expect.poll(() => log.effects()).toContain("b:1");
    await consumer.settled();
    await late?.catch(() => {});
    expect(await log.effects()).toEqual(["b:1", "a:1"]);
    const letters = await dead();
    expect(letters).toMatchObject([{ key: "a", reason: expect.stringContaining("1000 ms") }]);
    expect(letters[0]!.attempts).toBeGreaterThan(1);

    // Asked for again, it has one attempt, and does not keep the others waiting.
    await replay(log.database.pool, { group: "test" });
    await log.emit("c:1");
    await expect.poll(() => log.effects()).toContain("c:1");
    const again = async () => (await dead()).map(({ attempts, replay }) => [attempts, replay]);
    await expect.poll(again).toEqual([[letters[0]!.attempts + 1, false]]);
  });
});
