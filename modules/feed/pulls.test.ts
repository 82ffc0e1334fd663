import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { perCall } from "#platform/db/database.ts";
import { type BoundedQueueOptions, boundedQueue } from "#platform/protect/bounded-queue.ts";
import { withinDeadline } from "#platform/rpc/call.ts";
import { heldUp } from "#platform/testing/held-up.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { patienceMs } from "#platform/testing/patience.ts";
import { followingFeed, newest } from "./following-feed.ts";
import { migrations } from "./migrations.ts";
import { rebuildStore } from "./rebuild-store.ts";
import { type FeedStore, feedStore } from "./store.ts";
import type { Tables } from "./tables.ts";

const reader = "1";
const [x, y, z] = ["11", "12", "13"] as const;
let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let store: FeedStore;
let lastVideo = 0;
/** The facts. */
const follows = new Set<string>();
/** The authors that the relation service was asked about. */
let asked: string[] = [];
let read: () => Promise<string[]>;

beforeAll(async () => {
  own = await createModuleDatabase<Tables>("feed", "pulls", migrations);
  store = feedStore(own.db, own.events);
  const relation = {
    listFollowing: async () => ({ userIds: [...follows], next: "" }),
    getStandings: async ({ people }: { people: { otherIds: string[] }[] }) => {
      asked.push(...people.flatMap(({ otherIds }) => otherIds));
      return { standings: people.map(({ otherIds }) => otherIds.map((id) => (follows.has(id) ? 1 : 0))) };
    },
  };
  const feed = followingFeed({
    store: perCall(own.db, (until) => feedStore(until, own.events)),
    relation,
    interaction: {},
    protect: { boundedQueue: (_name: string, row: BoundedQueueOptions) => boundedQueue(row) },
    maxSources: 100,
  } as never);
  read = async () => {
    asked = [];
    const call = { traceId: "0".repeat(32), deadlineMs: Date.now() + patienceMs };
    const page = await withinDeadline(call, (served) => feed(reader, newest, 100, served));
    return page.entries.map(({ authorId }) => authorId).reverse();
  };
});
afterAll(() => own.drop());
beforeEach(async () => {
  follows.clear();
  await own.database.pool.query(
    "truncate feed.author_video, feed.author, feed.inbox, feed.reader, feed.source, feed.pull",
  );
});

const video = (authorId: string) => ({ authorId, videoId: String(++lastVideo), publishedAtMs: lastVideo });
const publish = (authorId: string) => store.noteVideo(own.db, video(authorId), true);
const pair = (authorId: string) => [{ userId: reader, authorId }];
async function follow(authorId: string): Promise<void> {
  follows.add(authorId);
  await own.db.transaction().execute((on) => store.addFollows(on, pair(authorId)));
}
async function unfollow(authorId: string): Promise<void> {
  follows.delete(authorId);
  await own.db.transaction().execute((on) => store.removeFollows(on, pair(authorId)));
}
const pulls = async () =>
  (await own.db.selectFrom("pull").select("author_id").orderBy("author_id").execute()).map(
    (row) => row.author_id,
  );

test("a read asks only about followed authors, and once about each new large author", async () => {
  for (let author = 100; author < 150; author++) await publish(String(author));
  follows.add(x).add(y);
  await publish(x);
  expect(await read()).toEqual([x]);
  expect(asked).toEqual([x]);
  await publish(y);
  await publish("150");
  expect(await read()).toEqual([x, y]);
  expect(new Set(asked)).toEqual(new Set([x, y, "150"]));
  expect(await read()).toEqual([x, y]);
  expect(asked.sort()).toEqual([x, y]);
  // An author with a number is not new.
  await publish(y);
  await publish("150");
  expect(await read()).toEqual([x, y, y]);
  expect(asked.sort()).toEqual([x, y]);
});

test("a follow makes the reader pull from an author, and an unfollow ends that", async () => {
  expect(await read()).toEqual([]);
  await publish(x);
  expect(await read()).toEqual([]);
  await follow(x);
  expect([await read(), await pulls()]).toEqual([[x], [x]]);
  await unfollow(x);
  expect([await read(), await pulls()]).toEqual([[], []]);
  // Without an event yet.
  await follow(x);
  follows.delete(x);
  expect([await read(), await pulls()]).toEqual([[], [x]]);
});

test("a follow from before the author was large counts, even if its event has not arrived", async () => {
  await read();
  follows.add(x);
  await publish(x);
  expect(await read()).toEqual([x]);
  await follow(y);
  await publish(y);
  expect(await read()).toEqual([x, y]);
});

test("an author whose number is committed late is not passed over", async () => {
  await read();
  follows.add(x).add(y).add(z);
  await heldUp(
    own.database.pool,
    `update feed.pull_clock set value = value + 1;
     insert into feed.author values (${x}, true, (select value from feed.pull_clock));
     insert into feed.author_video values (${x}, 1, 1, false)`,
    // Its number is larger than the uncommitted one.
    () => publish(y),
    async () => {
      expect(await read()).toEqual([]);
    },
  );
  await publish(z);
  expect((await read()).sort()).toEqual([x, y, z]);
});

test("a rebuild gives numbers to authors without one, and keeps the others", async () => {
  await publish(x);
  const numbers = async () =>
    (
      await own.db.selectFrom("author").select(["author_id", "pull_number"]).orderBy("author_id").execute()
    ).map(({ author_id, pull_number }) => [author_id, Number(pull_number)]);
  const [[, first]] = (await numbers()) as [[string, number]];
  follows.add(y);
  await read();
  await own.database.pool.query(`insert into feed.author_video values (${y}, 1, 1, false)`);
  await rebuildStore(own.db, own.events).checked([], [], [x, y, y], undefined, 2);
  expect(await numbers()).toEqual([
    [x, first],
    [y, first + 1],
  ]);
  expect(await read()).toEqual([y]);
});

test("a reader without an inbox has no rows of authors to pull from", async () => {
  await publish(x);
  follows.add(x);
  await read();
  await own.database.pool.query("update feed.reader set last_read_at = now() - interval '40 days'");
  await store.closeIdleInboxes(100);
  expect(await pulls()).toEqual([]);
  await follow(x);
  expect(await pulls()).toEqual([]);
  expect(await read()).toEqual([x]);
});
