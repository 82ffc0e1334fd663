import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { accountErased } from "#contracts/events.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { drifts } from "#platform/testing/drifts.ts";
import { heldUp } from "#platform/testing/held-up.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { consumeErasures } from "./account-erasure.ts";
import { accountErasureStore } from "./account-erasure-store.ts";
import { blockStore } from "./block-store.ts";
import { followStore } from "./follow-store.ts";
import { migrations } from "./migrations.ts";
import { counts } from "./recount.ts";
import type { Tables } from "./tables.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let lastId = 0;
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("relation", "accounts", migrations);
});
afterAll(() => own.drop());
beforeEach(async () => {
  await own.database.pool.query("truncate relation.follow, relation.stats, relation.block");
});

const eve = "500";
const others = (from: number, count: number) => Array.from({ length: count }, (_, i) => String(from + i));
const follow = async (pairs: [string, string][]) =>
  followStore(own.db, own.events).apply(
    pairs.map(([followerId, followeeId]) => ({ followerId, followeeId, id: String(++lastId) })),
  );
const block = (blockerId: string, blockedId: string) =>
  blockStore(own.db, own.events).block({ blockerId, blockedId, id: String(++lastId) });
const stores = () => accountErasureStore(own.db, own.events);
const rowsOf = async (sql: string) => (await own.database.pool.query(sql)).rows;
const shared = () => rowsOf("select from relation.follow where 500 in (follower_id, followee_id)");
async function remove(): Promise<void> {
  await stores().markDeleted(eve);
  while (await stores().removeFollows(eve));
  while (await stores().removeBlocks(eve));
}

describe("removing a person", () => {
  test("takes bounded steps, each exact, and tells of every follow that ends", async () => {
    await follow(others(1000, 1200).map((id) => [eve, id]));
    await follow(others(1100, 1200).map((id) => [id, eve]));
    await follow([["1000", "1001"]]);
    await block(eve, "9000");
    await block("9001", eve);
    const consumer = consumeErasures(own.events, () => ({
      ...stores(),
      // As if its time slice were over after each step.
      async removeFollows(userId) {
        const before = (await shared()).length;
        const more = await stores().removeFollows(userId);
        expect(before - (await shared()).length).toBeLessThanOrEqual(500);
        expect(await drifts(own.database, counts)).toEqual([]);
        if (more) throw new DomainError("unavailable", "TIME_SLICE_OVER", "There is more to do.");
        return more;
      },
    }));
    await own.events.transaction(own.db, async (_transaction, emit) =>
      emit(accountErased, { userId: eve, closingId: "1", atMs: 1 }),
    );
    await consumer.settled();
    expect(await rowsOf("select follower_id, followee_id from relation.follow")).toEqual([
      { follower_id: "1000", followee_id: "1001" },
    ]);
    expect(await rowsOf("select * from relation.block")).toEqual([]);
    expect(await rowsOf("select * from relation.stats where user_id = 500")).toEqual([
      { user_id: eve, following: "0", followers: "0", gone: true },
    ]);
    const told = await rowsOf("select key from events.log where type = 'relation.unfollowed.v1'");
    expect(new Set(told.map(({ key }) => key)).size).toBe(2400);
    expect(told).toHaveLength(2400);
    expect(await rowsOf("select from events.log where type = 'relation.unblocked.v1'")).toHaveLength(2);
  });

  test("no follow or block from or to them is added afterwards; the others of a batch are", async () => {
    await remove();
    const [own1, theirs, fine] = await follow([
      [eve, "1"],
      ["1", eve],
      ["1", "2"],
    ]);
    expect(own1).toMatchObject({ reason: "SESSION_ENDED" });
    expect(theirs).toMatchObject({ reason: "USER_NOT_FOUND" });
    expect(fine).toBe(true);
    await expect(block(eve, "1")).rejects.toMatchObject({ reason: "SESSION_ENDED" });
    await expect(block("1", eve)).rejects.toMatchObject({ reason: "USER_NOT_FOUND" });
    expect(await shared()).toEqual([]);
    expect(await rowsOf("select * from relation.block")).toEqual([]);
    expect(await drifts(own.database, counts)).toEqual([]);
  });

  test.each([
    ["follow of theirs", () => follow([[eve, "1"]])],
    ["follow of them", () => follow([["1", eve]])],
    ["block of theirs", () => block(eve, "1")],
  ])("a %s in progress meanwhile leaves nothing behind", async (_what, late) => {
    await follow([["1", "2"]]);
    await rowsOf("insert into relation.stats (user_id) values (500)");
    // Counted in the order of ids: it waits for the row of 1 and does not yet hold that of 500.
    const hold = "select from relation.stats where user_id = 1 for update";
    const outcome = await heldUp(own.database.pool, hold, late, remove);
    const refusal = Array.isArray(outcome) ? outcome[0] : outcome;
    expect(refusal).toBeInstanceOf(DomainError);
    expect(await shared()).toEqual([]);
    expect(await rowsOf("select * from relation.block")).toEqual([]);
    expect(await drifts(own.database, counts)).toEqual([]);
  });

  test("a transaction that has counted already is waited for", async () => {
    await follow([["1000", "2"]]);
    let removed: Promise<void> | undefined;
    const hold = "select from relation.stats where user_id = 1000 for update";
    // It holds the row of 500 and waits for that of 1000.
    const outcome = await heldUp(
      own.database.pool,
      hold,
      () => follow([[eve, "1000"]]),
      async () => {
        removed = remove();
      },
    );
    expect(outcome).toEqual([true]);
    await removed;
    expect(await shared()).toEqual([]);
    expect(await drifts(own.database, counts)).toEqual([]);
  });
});
