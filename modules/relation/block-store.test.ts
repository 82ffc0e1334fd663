import type { Pool, PoolClient } from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { Relationship } from "#contracts/gen/relation_pb.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import fc from "#platform/testing/property.ts";
import { blockStore } from "./block-store.ts";
import type { FollowCommand } from "./follow-rows.ts";
import { type FollowStore, followStore } from "./follow-store.ts";
import { migrations } from "./migrations.ts";
import { relationshipStore } from "./relationship-store.ts";
import type { Tables } from "./tables.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let pool: Pool;
let follows: FollowStore;
let blocks: ReturnType<typeof blockStore>;
let held: PoolClient[];
let lastId = 0;

beforeAll(async () => {
  own = await createModuleDatabase<Tables>("relation", "blocks", migrations);
  pool = own.database.pool;
  follows = followStore(own.db, own.events);
  blocks = blockStore(own.db, own.events);
});
afterAll(() => own.drop());
beforeEach(async () => {
  await pool.query("truncate relation.follow, relation.stats, relation.block, events.log");
  held = [];
  return async () => {
    // Transactions that a failed test has left open.
    for (const client of held) client.release(true);
  };
});

const nextId = () => String(++lastId);
const follow = async (followerId: string, followeeId: string) =>
  (await follows.apply([{ followerId, followeeId, id: nextId() }]))[0]!;
const unfollow = async (followerId: string, followeeId: string) =>
  (await follows.apply([{ followerId, followeeId, id: undefined }]))[0]!;
const block = (blockerId: string, blockedId: string) => blocks.block({ blockerId, blockedId, id: nextId() });

async function facts() {
  const { rows } = await pool.query<{ follows: string; blocks: string; wrong: string }>(`
    select
      (select coalesce(string_agg(follower_id || '>' || followee_id, ' ' order by 1), '')
        from relation.follow) as follows,
      (select coalesce(string_agg(blocker_id || '>' || blocked_id, ' ' order by 1), '')
        from relation.block) as blocks,
      (select count(*) from relation.stats s where
        s.followers <> (select count(*) from relation.follow f where f.followee_id = s.user_id)
        or s.following <> (select count(*) from relation.follow f where f.follower_id = s.user_id)) as wrong`);
  const [{ wrong, ...found }] = rows as [(typeof rows)[0]];
  expect(wrong).toBe("0");
  return found;
}
async function eventTypes(): Promise<string[]> {
  const { rows } = await pool.query("select type, key from events.log order by position");
  return rows.map(({ type, key }) => `${type} ${key}`);
}

/** Another transaction that does this and stays open. */
async function hold(...statements: string[]) {
  const client = await pool.connect();
  held.push(client);
  await client.query("begin");
  for (const statement of statements) await client.query(statement);
  return {
    async commit() {
      await client.query("commit");
      held.splice(held.indexOf(client), 1);
      client.release();
    },
  };
}
const waiting = (count: number) =>
  expect
    .poll(async () => {
      const { rows } = await pool.query(
        "select count(*)::int as n from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()",
      );
      return rows[0].n;
    })
    .toBe(count);

describe("a block", () => {
  test("ends the follows in both directions with their counts and events", async () => {
    await follow("1", "2");
    await follow("2", "1");
    await follow("3", "1");
    await pool.query("truncate events.log");
    expect(await block("1", "2")).toBe(true);
    expect(await facts()).toEqual({ follows: "3>1", blocks: "1>2" });
    expect((await eventTypes()).sort()).toEqual([
      "relation.blocked.v1 1 2",
      "relation.unfollowed.v1 1 2",
      "relation.unfollowed.v1 2 1",
    ]);
    expect(await block("1", "2")).toBe(false);
    expect(await eventTypes()).toHaveLength(3);
  });

  test("refuses follows in both directions by name until it ends", async () => {
    await block("1", "2");
    expect(await follow("1", "2")).toMatchObject({ reason: "USER_BLOCKED" });
    expect(await follow("2", "1")).toMatchObject({ reason: "BLOCKED_BY_USER" });
    // Others of the same batch are not affected.
    const batch = await follows.apply([
      { followerId: "2", followeeId: "3", id: nextId() },
      { followerId: "2", followeeId: "1", id: nextId() },
    ]);
    expect(batch).toEqual([true, expect.objectContaining({ reason: "BLOCKED_BY_USER" })]);
    expect(await facts()).toEqual({ follows: "2>3", blocks: "1>2" });
    expect(await blocks.unblock({ blockerId: "2", blockedId: "1" })).toBe(false);
    expect(await blocks.unblock({ blockerId: "1", blockedId: "2" })).toBe(true);
    expect(await blocks.unblock({ blockerId: "1", blockedId: "2" })).toBe(false);
    expect(await follow("2", "1")).toBe(true);
    expect((await eventTypes()).filter((type) => type.includes("unblocked"))).toHaveLength(1);
  });

  test("appears in relationships and in the list", async () => {
    await block("1", "2");
    await block("1", "3");
    await follow("2", "3");
    const pairs = [
      { userId: "1", otherId: "2" },
      { userId: "2", otherId: "1" },
      { userId: "3", otherId: "2" },
      { userId: "2", otherId: "3" },
    ];
    const { BLOCKS, BLOCKED_BY, FOLLOWED_BY, FOLLOWS } = Relationship;
    const { relationships, peaceful } = relationshipStore(own.db);
    expect(await relationships(pairs)).toEqual([BLOCKS, BLOCKED_BY, FOLLOWED_BY, FOLLOWS]);
    expect(await relationships(pairs, { oneWay: true })).toEqual([BLOCKS, BLOCKED_BY, 0, FOLLOWS]);
    expect((await peaceful(["1", "2", "3", "77"])).sort()).toEqual(["2", "3", "77"]);
    const [first] = await blocks.blocked("1", undefined, 1);
    expect(first!.user_id).toBe("3");
    expect((await blocks.blocked("1", first!.id, 9)).map((row) => row.user_id)).toEqual(["2"]);
  });
});

describe("with a concurrent transaction", () => {
  const holdCounts = () => hold("select from relation.stats where user_id in (1, 2) for update");
  beforeEach(async () => {
    await pool.query("insert into relation.stats (user_id) values (1), (2)");
  });

  test("a follow that has not counted yet when the block commits is taken back", async () => {
    const counts = await holdCounts();
    const blocked = block("2", "1");
    await waiting(1);
    const followed = follow("1", "2");
    await waiting(2);
    await counts.commit();
    expect(await blocked).toBe(true);
    expect(await followed).toMatchObject({ reason: "BLOCKED_BY_USER" });
    expect(await facts()).toEqual({ follows: "", blocks: "2>1" });
    expect(await eventTypes()).toEqual(["relation.blocked.v1 2 1"]);
  });

  test("a follow that counts first is ended by the block", async () => {
    const counts = await holdCounts();
    const followed = follow("1", "2");
    await waiting(1);
    const blocked = block("2", "1");
    await waiting(2);
    await counts.commit();
    expect(await followed).toBe(true);
    expect(await blocked).toBe(true);
    expect(await facts()).toEqual({ follows: "", blocks: "2>1" });
    expect((await eventTypes()).slice(0, 2)).toEqual([
      "relation.followed.v1 1 2",
      "relation.unfollowed.v1 1 2",
    ]);
  });

  test.each([
    "unfollow first",
    "block first",
  ])("an unfollow and a block do not deadlock, %s", async (order) => {
    await follow("1", "2");
    const counts = await holdCounts();
    const acts = [() => unfollow("1", "2"), () => block("2", "1")];
    if (order === "block first") acts.reverse();
    const first = acts[0]!();
    await waiting(1);
    const second = acts[1]!();
    await waiting(2);
    await counts.commit();
    await Promise.all([first, second]);
    expect(await facts()).toEqual({ follows: "", blocks: "2>1" });
  });

  test("a follow that is being removed again makes the block start over", async () => {
    const counts = await holdCounts();
    const blocked = block("2", "1");
    await waiting(1);
    await (await hold("insert into relation.follow values (1, 2, 7)")).commit();
    const leaving = await hold("delete from relation.follow where id = 7");
    await counts.commit();
    // It has released the counts and waits for the follow.
    const free = "select from relation.stats where user_id in (1, 2) for update nowait";
    await expect
      .poll(() =>
        pool.query(free).then(
          () => true,
          () => false,
        ),
      )
      .toBe(true);
    await waiting(1);
    await leaving.commit();
    expect(await blocked).toBe(true);
    expect(await facts()).toEqual({ follows: "", blocks: "2>1" });
  });

  test("whatever happens at once, no follow stands across a block and the counts are right", async () => {
    const apply = [1, 2].map(() =>
      createBatcher((commands: FollowCommand[]) => follows.apply(commands), {
        conflict: (command) => `${command.followerId} ${command.followeeId}`,
      }),
    );
    const person = fc.constantFrom("1", "2", "3");
    const act = fc.record({
      pair: fc.uniqueArray(person, { minLength: 2, maxLength: 2 }),
      what: fc.constantFrom("follow", "follow", "unfollow", "block", "unblock"),
      process: fc.constantFrom(0, 1),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 10, maxLength: 60 }), async (acts) => {
        await Promise.all(
          acts.map(({ pair: [one, other], what, process }) => {
            const pair = { followerId: one!, followeeId: other! };
            if (what === "follow") return apply[process]!({ ...pair, id: nextId() });
            if (what === "unfollow") return apply[process]!({ ...pair, id: undefined });
            if (what === "block") return block(one!, other!);
            return blocks.unblock({ blockerId: one!, blockedId: other! });
          }),
        );
        const found = await facts();
        const standing = found.follows.split(" ").filter(Boolean);
        for (const pair of found.blocks.split(" ").filter(Boolean)) {
          expect(standing).not.toContain(pair);
          expect(standing).not.toContain(pair.split(">").reverse().join(">"));
        }
      }),
      { numRuns: 20 },
    );
  });
});
