import { sql } from "kysely";
import { describe, expect, onTestFinished, test } from "vitest";
import { createLog } from "../observe/log.ts";
import { patienceMs } from "../testing/patience.ts";
import { silentProxy } from "../testing/silent-proxy.ts";
import { createTestDatabase } from "../testing/test-database.ts";
import { askDatabase } from "./ask-database.ts";
import { openDatabase } from "./database.ts";

test("a silent database is reported in time, by one query for all callers, and its return at once", async () => {
  const own = await createTestDatabase();
  const way = await silentProxy(own.url);
  const database = openDatabase(way.url, { log: createLog("silent"), answerTimeoutMs: 500 });
  const { pool } = database;
  const down = askDatabase(pool, 50);
  try {
    await expect.poll(down).toBe(undefined);
    way.goSilent();
    expect(await Promise.all([down(), down(), down()])).toEqual(
      Array(3).fill("the database does not answer"),
    );
    expect(pool.totalCount).toBe(1);
  } finally {
    await database.close();
    way.close();
    await own.drop();
  }
  expect(await down()).toBe("the database cannot be reached");
});

describe("a pool whose connections are all taken", () => {
  async function full(connectTimeoutMs = 300) {
    const own = await createTestDatabase();
    const way = await silentProxy(own.url);
    const database = openDatabase(way.url, {
      log: createLog("silent"),
      maxConnections: 1,
      connectTimeoutMs,
    });
    onTestFinished(async () => {
      way.close();
      await database.close();
      await own.drop();
    });
    // The connection is there, also on a busy machine.
    await expect
      .poll(() =>
        database.pool.query("select 1").then(
          () => "there",
          () => "slow",
        ),
      )
      .toBe("there");
    const holder = await database.pool.connect();
    const ask = () =>
      sql`select 1`.execute(database.of("public")).then(
        () => "answered",
        ({ kind, reason, retryAfterMs }) => `${kind} ${reason} ${retryAfterMs}`,
      );
    return { database, way, holder, ask };
  }

  test("is no database that is away: requests are refused as too many, and the process stays ready", async () => {
    const { database, holder, ask } = await full();
    // A server that takes a second to say that it is there is away for the moment.
    await expect.poll(ask).toBe("exhausted BUSY 1000");
    await expect.poll(askDatabase(database.pool, patienceMs)).toBe(undefined);
    holder.release();
    expect(await ask()).toBe("answered");
  });

  test("because nothing is answered is told as what it is", async () => {
    const { database, way, holder, ask } = await full();
    way.goSilent();
    expect(await ask()).toBe("unavailable DATABASE_UNAVAILABLE 1000");
    expect(await askDatabase(database.pool, patienceMs)()).toBe("the database cannot be reached");
    holder.release(true);
  });

  test("lets a thousand wait for one, and refuses more at once", async () => {
    const { database, holder, ask } = await full(patienceMs);
    const all = Array.from({ length: 1_500 }, ask);
    await expect.poll(() => database.pool.waitingCount).toBe(1_000);
    const refused = await Promise.all(all.slice(1_000));
    expect(new Set(refused)).toEqual(new Set(["exhausted BUSY 1000"]));
    expect(database.pool.waitingCount).toBe(1_000);
    holder.release();
    expect(await Promise.all(all.slice(0, 1))).toEqual(["answered"]);
    await Promise.all(all);
  });
});
