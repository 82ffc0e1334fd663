import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { perCall } from "#platform/db/database.ts";
import { reset } from "#platform/events/admin/admin.ts";
import type { Consumer } from "#platform/events/consumer/consumer.ts";
import { createSnowflake, timeOfId } from "#platform/ids/snowflake.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import fc from "#platform/testing/property.ts";
import { hotEvents, projectHotUsers } from "./consumers.ts";
import { type FollowStore, followStore } from "./follow-store.ts";
import { listHotUsers } from "./handlers/list-hot-users.ts";
import { type HotStore, hotStore } from "./hot-store.ts";
import { migrations } from "./migrations.ts";
import { hotMs } from "./rules.ts";
import type { Tables } from "./tables.ts";

const startMs = Date.UTC(2026, 0, 1);
const call = {
  traceId: "0".repeat(32),
  deadlineMs: Number.MAX_SAFE_INTEGER,
  signal: new AbortController().signal,
};
let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let clockMs = startMs;
const ids = createSnowflake({ node: 1, floorMs: 0, nowMs: () => clockMs });
let follows: FollowStore;
let hot: HotStore;
let consumer: Consumer;

beforeAll(async () => {
  own = await createModuleDatabase<Tables>("relation", "hot", migrations);
  follows = followStore(own.db, own.events);
  hot = hotStore(own.db, () => clockMs);
  consumer = own.events.consume<(typeof hotEvents)[number]>({
    group: "relation.hot",
    types: hotEvents,
    handle: projectHotUsers(hot),
  });
});
afterAll(() => own.drop());
beforeEach(empty);

async function empty() {
  await consumer.settled();
  await own.database.pool.query(
    "truncate relation.follow, relation.stats, relation.hot_follow, relation.hot_user",
  );
}
async function ranking(limit = 100) {
  const { users } = await listHotUsers(perCall(own.db, (until) => hotStore(until, () => clockMs)))(
    { $typeName: "douya.relation.v1.ListHotUsersRequest", limit },
    call,
  );
  return users!.map(({ userId, won }) => ({ userId: userId!, won: won! }));
}

/** The facts that count now: id, follower and followee of each. */
type Facts = Map<string, { followerId: string; followeeId: string; id: string }>;
function naive(facts: Facts) {
  const won = new Map<string, number>();
  for (const { id, followeeId } of facts.values()) {
    if (timeOfId(id) + hotMs > clockMs) won.set(followeeId, (won.get(followeeId) ?? 0) + 1);
  }
  return [...won]
    .map(([userId, count]) => ({ userId, won: count }))
    .sort((a, b) => b.won - a.won || Number(a.userId) - Number(b.userId));
}
async function change(facts: Facts, followerId: string, followeeId: string, follow: boolean) {
  const key = `${followerId} ${followeeId}`;
  const id = follow ? ids.next() : undefined;
  const [changed] = await follows.apply([{ followerId, followeeId, id }]);
  if (changed !== true) return;
  if (id !== undefined) facts.set(key, { followerId, followeeId, id });
  else facts.delete(key);
}

describe("the ranking", () => {
  const person = fc.integer({ min: 1, max: 3 }).map(String);
  const step = fc.oneof(
    {
      weight: 16,
      arbitrary: fc.record({ followerId: person, followeeId: person, follow: fc.boolean() }),
    },
    // From moments to days, and often to the millisecond at which the last follow expires.
    { weight: 3, arbitrary: fc.record({ forwardMs: fc.integer({ min: 1, max: hotMs / 4 }) }) },
    { weight: 1, arbitrary: fc.record({ forwardMs: fc.integer({ min: 1, max: 2 * hotMs }) }) },
    { weight: 2, arbitrary: fc.constantFrom("edge" as const, "past" as const) },
    { weight: 1, arbitrary: fc.constantFrom("replay" as const, "rebuild" as const, "expire" as const) },
    { weight: 8, arbitrary: fc.constant("look" as const) },
  );

  test("equals a naive recount at any instant, whatever the clock does and however often events come", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 40 }), async (steps) => {
        await empty();
        const facts: Facts = new Map();
        for (const one of [...steps, "look" as const]) {
          if (one === "replay") await reset(own.database.pool, "relation.hot", "start");
          else if (one === "rebuild") await own.db.transaction().execute((on) => hot.rebuild(on));
          else if (one === "expire") await hot.expire();
          else if (one === "look") {
            await consumer.settled();
            expect(await ranking()).toEqual(naive(facts));
          } else if (one === "edge" || one === "past") {
            // The last millisecond in which the latest follow counts, and the first in which it does not.
            const last = [...facts.values()].at(-1);
            if (!last) continue;
            const endMs = timeOfId(last.id) + hotMs;
            clockMs = Math.max(clockMs, one === "edge" ? endMs - 1 : endMs);
          } else if ("forwardMs" in one) clockMs += one.forwardMs;
          else if (one.followerId !== one.followeeId)
            await change(facts, one.followerId, one.followeeId, one.follow);
        }
      }),
      { numRuns: 30 },
    );
  });

  test("a follow that ended and came again counts once, from the last", async () => {
    const facts: Facts = new Map();
    await change(facts, "1", "2", true);
    clockMs += hotMs / 2;
    await change(facts, "1", "2", false);
    await change(facts, "1", "2", true);
    await consumer.settled();
    expect(await ranking()).toEqual([{ userId: "2", won: 1 }]);
    clockMs += hotMs - 1;
    expect(await ranking()).toEqual([{ userId: "2", won: 1 }]);
    clockMs += 1;
    expect(await ranking()).toEqual([]);
    // An older follow subtracts nothing.
    await change(facts, "3", "2", true);
    await change(facts, "1", "2", false);
    await consumer.settled();
    expect(await ranking()).toEqual([{ userId: "2", won: 1 }]);
  });

  test("is exact although more expire than one transaction removes, and leaves nothing behind", async () => {
    const insert = (from: number, count: number) =>
      own.database.pool.query(
        "insert into relation.follow select 1000 + i, 7, $1::int8 + i from generate_series(1, $2::int) i",
        [from, count],
      );
    const first = BigInt(ids.next());
    await insert(Number(first >> 22n) * 2 ** 22, 4500);
    clockMs += hotMs / 2;
    await change(new Map(), "1", "7", true);
    // Counted by now, it cannot be counted again after it has expired.
    await consumer.settled();
    await own.db.transaction().execute((on) => hot.rebuild(on));
    expect(await ranking()).toEqual([{ userId: "7", won: 4501 }]);
    clockMs += hotMs / 2;
    expect(await Promise.all([ranking(), ranking(1)])).toEqual([
      [{ userId: "7", won: 1 }],
      [{ userId: "7", won: 1 }],
    ]);
    clockMs += hotMs;
    expect(await ranking()).toEqual([]);
    await hot.expire();
    const { rows } = await own.database.pool.query(
      "select (select count(*) from relation.hot_follow) + (select count(*) from relation.hot_user) as left",
    );
    expect(rows[0].left).toBe("0");
  });

  test("is exact and does not wait while it is being changed", async () => {
    await change(new Map(), "1", "5", true);
    clockMs += hotMs - 1;
    for (const [follower, followee] of ["25", "16", "36"])
      await change(new Map(), follower!, followee!, true);
    await consumer.settled();
    clockMs += 1;
    const rebuilt = await own.database.pool.connect();
    try {
      await rebuilt.query("begin");
      await rebuilt.query("select pg_advisory_xact_lock(7083812)");
      expect(await ranking(1)).toEqual([{ userId: "6", won: 2 }]);
      expect(await ranking()).toEqual([
        { userId: "6", won: 2 },
        { userId: "5", won: 1 },
      ]);
    } finally {
      rebuilt.release(true);
    }
  });

  test("gives as many as asked for, and never more than 100", async () => {
    await own.database.pool.query("insert into relation.hot_user select i, i from generate_series(1, 150) i");
    expect(await ranking(2)).toEqual([
      { userId: "150", won: 150 },
      { userId: "149", won: 149 },
    ]);
    expect(await ranking(1000)).toHaveLength(100);
  });

  test("rebuilt while follows come and go, it equals the facts", async () => {
    const facts: Facts = new Map();
    const busy = Promise.all(
      ["1", "2", "3"].map(async (followerId) => {
        for (let i = 0; i < 40; i++) await change(facts, followerId, String(4 + (i % 3)), i % 5 !== 4);
      }),
    );
    for (let i = 0; i < 10; i++) {
      await own.database.pool.query("delete from relation.hot_follow where follow_id % 2 = 0");
      await own.database.pool.query("update relation.hot_user set won = won + 5");
      await own.db.transaction().execute((on) => hot.rebuild(on));
    }
    await busy;
    await consumer.settled();
    expect(await ranking()).toEqual(naive(facts));
  });
});
