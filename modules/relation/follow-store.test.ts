import { fromBinary } from "@bufbuild/protobuf";
import { sql } from "kysely";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { FollowedSchema, UnfollowedSchema } from "#contracts/gen/relation_events_pb.ts";
import { type Database, openDatabase } from "#platform/db/database.ts";
import { migrate } from "#platform/db/migrate.ts";
import { createEvents } from "#platform/events/events.ts";
import { migrations as eventMigrations } from "#platform/events/migrations.ts";
import { timeOfId } from "#platform/ids/snowflake.ts";
import { migrations as leaseMigrations } from "#platform/lease/migrations.ts";
import { type ProcessLease, startLease } from "#platform/lease/process-lease.ts";
import { createLog } from "#platform/observe/log.ts";
import fc from "#platform/testing/property.ts";
import { createTestDatabaseFrom } from "#platform/testing/test-database.ts";
import type { FollowCommand } from "./follow-rows.ts";
import { type FollowStore, followStore } from "./follow-store.ts";
import { migrations } from "./migrations.ts";
import { type RelationshipStore, relationshipStore } from "./relationship-store.ts";
import { maxFollowing } from "./rules.ts";
import { seedFollows } from "./seed.ts";
import type { Tables } from "./tables.ts";

const log = createLog("silent");
let database: Database;
let store: FollowStore;
let relationships: RelationshipStore;
let lease: ProcessLease;
let drop: () => Promise<void>;

beforeAll(async () => {
  const test = await createTestDatabaseFrom("relation_4", async (url) => {
    const fresh = openDatabase(url, { log });
    await migrate(fresh, "lease", leaseMigrations);
    await migrate(fresh, "events", eventMigrations);
    await migrate(fresh, "relation", migrations);
    await fresh.close();
  });
  drop = test.drop;
  database = openDatabase(test.url, { log });
  lease = startLease(database.pool, { log });
  store = followStore(
    database.of<Tables>("relation"),
    createEvents({ databases: [{ database, lease }], databaseOf: () => database, log }).of("relation"),
  );
  relationships = relationshipStore(database.of<Tables>("relation"));
});

afterAll(async () => {
  await lease.release();
  await database.close();
  await drop();
});

async function empty(): Promise<void> {
  await database.pool.query("truncate relation.follow, relation.stats");
}

describe("apply", () => {
  it("keeps facts and counts as a naive set of pairs has them, whatever the order", async () => {
    const person = fc.integer({ min: 1, max: 6 }).map(String);
    const step = fc.record({ followerId: person, followeeId: person, follow: fc.boolean() });
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.uniqueArray(step, { selector: (s) => `${s.followerId} ${s.followeeId}` })),
        async (batches) => {
          await empty();
          const facts = new Set<string>();
          let id = 0;
          for (const batch of batches) {
            if (batch.length === 0) continue;
            const commands: FollowCommand[] = batch.map(({ follow, ...pair }) => ({
              ...pair,
              id: follow ? String(++id) : undefined,
            }));
            const expected = batch.map(({ followerId, followeeId, follow }) => {
              const pair = `${followerId} ${followeeId}`;
              const had = facts.has(pair);
              if (follow) facts.add(pair);
              else facts.delete(pair);
              return had !== follow;
            });
            expect(await store.apply(commands)).toEqual(expected);
          }
          const people = ["1", "2", "3", "4", "5", "6"];
          const stats = new Map((await relationships.stats(people)).map((row) => [row.user_id, row]));
          for (const one of people) {
            const pairs = [...facts].map((pair) => pair.split(" "));
            expect(Number(stats.get(one)?.following ?? 0)).toBe(
              pairs.filter(([from]) => from === one).length,
            );
            expect(Number(stats.get(one)?.followers ?? 0)).toBe(pairs.filter(([, to]) => to === one).length);
          }
        },
      ),
      { numRuns: 25 },
    );
  });
});

describe("the limit", () => {
  const follow = (followeeId: string) => ({ followerId: "1", followeeId, id: `9${followeeId}` });
  /** Person 1 follows this many, from 1001 on. */
  async function following(count: number): Promise<void> {
    await empty();
    await database.pool.query(
      `insert into relation.follow select 1, 1000 + n, n from generate_series(1, ${count}) n`,
    );
    await database.pool.query(
      `insert into relation.stats (user_id, following, followers) values (1, ${count}, 0)`,
    );
  }
  const counted = async () => Number((await relationships.stats(["1"]))[0]!.following);
  const facts = async () =>
    (await database.pool.query("select from relation.follow where follower_id = 1")).rows.length;

  it("is exact, for concurrent follows from two processes", async () => {
    await following(maxFollowing - 1);
    const outcomes = await Promise.all([store.apply([follow("2")]), store.apply([follow("3")])]);
    expect(outcomes.flat().filter((outcome) => outcome === true)).toHaveLength(1);
    expect(outcomes.flat()).toContainEqual(expect.objectContaining({ reason: "FOLLOWS_TOO_MANY" }));
    expect([await counted(), await facts()]).toEqual([maxFollowing, maxFollowing]);
  });

  it("counts concurrent unfollows, and no follow that is refused anyway or exists already", async () => {
    await following(maxFollowing);
    await database.pool.query("insert into relation.block values (3, 1, 1)");
    const tooMany = expect.objectContaining({ reason: "FOLLOWS_TOO_MANY" });
    expect(await store.apply([follow("1001"), follow("2")])).toEqual([false, tooMany]);
    const unfollow = { ...follow("1001"), id: undefined };
    const blocked = expect.objectContaining({ reason: "BLOCKED_BY_USER" });
    expect(await store.apply([unfollow, follow("2"), follow("3")])).toEqual([true, true, blocked]);
    expect([await counted(), await facts()]).toEqual([maxFollowing, maxFollowing]);
    await database.pool.query("truncate relation.block");
  });
});

describe("events", () => {
  it("tell of exactly what changed, a follow's end with the follow that ended", async () => {
    await empty();
    await database.pool.query("truncate events.log");
    const pair = { followerId: "1", followeeId: "2" };
    const other = { followerId: "2", followeeId: "1" };
    const id = "8000000000000000000";
    await store.apply([
      { ...pair, id },
      { ...other, id: undefined },
    ]);
    await store.apply([{ ...pair, id: "8000000000000000001" }]);
    await store.apply([{ ...pair, id: undefined }]);
    const { rows } = await database.pool.query("select type, key, payload from events.log order by position");
    expect(rows.map(({ type, key }) => [type, key])).toEqual([
      ["relation.followed.v1", "1 2"],
      ["relation.unfollowed.v1", "1 2"],
    ]);
    expect(fromBinary(FollowedSchema, rows[0].payload)).toMatchObject({
      ...pair,
      followId: id,
      atMs: timeOfId(id),
    });
    expect(fromBinary(UnfollowedSchema, rows[1].payload)).toMatchObject({ ...pair, followId: id });
  });
});

describe("lists", () => {
  it("page by the time of following, newest first, and friends are those who follow back", async () => {
    await empty();
    await store.apply([
      { followerId: "1", followeeId: "2", id: "10" },
      { followerId: "1", followeeId: "3", id: "11" },
      { followerId: "1", followeeId: "4", id: "12" },
      { followerId: "3", followeeId: "1", id: "13" },
    ]);
    const first = await store.following("1", undefined, 2);
    expect(first.map((row) => row.user_id)).toEqual(["4", "3"]);
    expect((await store.following("1", first[1]!.id, 2)).map((row) => row.user_id)).toEqual(["2"]);
    expect((await store.followers("1", undefined, 9)).map((row) => row.user_id)).toEqual(["3"]);
    expect((await store.friends("1", undefined, 9)).map((row) => row.user_id)).toEqual(["3"]);
  });
});

describe("seedFollows", () => {
  it("makes a skewed graph whose counts are exact", async () => {
    await empty();
    const db = database.of<Tables>("relation");
    await seedFollows(
      db,
      { users: 100, follows: 2000, videos: 0, newestMs: 0, passwordHash: "", clipIds: [] },
      () => {},
    );
    const { rows } = await sql<{ wrong: string; most: string; average: string }>`
      select
        (select count(*) from relation.stats s where
          s.followers <> (select count(*) from relation.follow f where f.followee_id = s.user_id)
          or s.following <> (select count(*) from relation.follow f where f.follower_id = s.user_id)) as wrong,
        (select max(followers) from relation.stats) as most,
        (select avg(followers) from relation.stats) as average`.execute(db);
    expect(rows[0]!.wrong).toBe("0");
    expect(Number(rows[0]!.most)).toBeGreaterThan(3 * Number(rows[0]!.average));
  });
});
