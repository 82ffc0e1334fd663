import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { Visibility } from "#contracts/gen/video_pb.ts";
import { perCall } from "#platform/db/database.ts";
import { type BoundedQueueOptions, boundedQueue } from "#platform/protect/bounded-queue.ts";
import { withinDeadline } from "#platform/rpc/call.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { patienceMs } from "#platform/testing/patience.ts";
import { type FollowingPage, followingFeed, newest } from "./following-feed.ts";
import { migrations } from "./migrations.ts";
import { rebuildInboxes } from "./rebuild.ts";
import { rebuildStore } from "./rebuild-store.ts";
import type { Entry } from "./rules.ts";
import { type FeedStore, feedStore } from "./store.ts";
import type { Tables } from "./tables.ts";

const reader = "1";
const [friend, followed] = ["11", "12"] as const;
/** Follows, and is followed by. */
const standing = new Map<string, number>([
  [friend, 3],
  [followed, 1],
]);
let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let store: FeedStore;
let page: (before?: Entry, limit?: number) => Promise<FollowingPage>;
const read = async (before?: Entry, limit?: number) =>
  (await page(before, limit)).entries.map(({ videoId }) => videoId);
let lastVideo = 0;

beforeAll(async () => {
  own = await createModuleDatabase<Tables>("feed", "friends", migrations);
  store = feedStore(own.db, own.events);
  const relation = {
    listFollowing: async () => ({ userIds: [friend, followed], next: "" }),
    getStandings: async ({ people, oneWay }: { people: { otherIds: string[] }[]; oneWay: boolean }) => ({
      standings: people.map(({ otherIds }) =>
        otherIds.map((id) => (standing.get(id) ?? 0) & (oneWay ? 1 : 3)),
      ),
    }),
  };
  const feed = followingFeed({
    store: perCall(own.db, (until) => feedStore(until, own.events)),
    relation,
    interaction: {},
    protect: { boundedQueue: (_name: string, row: BoundedQueueOptions) => boundedQueue(row) },
    maxSources: 100,
  } as never);
  page = async (before = newest, limit = 10) => {
    const call = { traceId: "0".repeat(32), deadlineMs: Date.now() + patienceMs };
    return withinDeadline(call, (served) => feed(reader, before, limit, served));
  };
});
afterAll(() => own.drop());
beforeEach(async () => {
  await own.database.pool.query(
    "truncate feed.author_video, feed.author, feed.inbox, feed.reader, feed.source, feed.pull, feed.rebuild",
  );
});

const video = (authorId: string, friends = false) => {
  const id = ++lastVideo;
  return { authorId, videoId: String(id), publishedAtMs: id, friends };
};
const note = async (one: ReturnType<typeof video>, large = false) => {
  await store.noteVideo(own.db, one, large);
  return one;
};

test("what is for friends comes from friends only, whether it is delivered or pulled", async () => {
  for (const large of [false, true]) {
    const [theirs, hidden] = [
      await note(video(friend, true), large),
      await note(video(followed, true), large),
    ];
    const open = await note(video(followed), large);
    const found = await read();
    expect(found).toEqual(expect.arrayContaining([theirs.videoId, open.videoId]));
    expect(found).not.toContain(hidden.videoId);
    await own.database.pool.query("update feed.reader set stale = true");
  }
});

test("a page is full although an author has published hundreds for friends alone", async () => {
  const old = [await note(video(followed)), await note(video(followed))];
  for (let i = 0; i < 400; i++) await note(video(followed, true));
  const recent = await note(video(followed));
  expect(await read(newest, 2)).toEqual([recent.videoId, old[1]!.videoId]);
  expect(await read(old[1]!, 2)).toEqual([old[0]!.videoId]);
});

test("thousands that are not for the reader are passed in several requests, and none is skipped", async () => {
  const old = await note(video(followed), true);
  const from = lastVideo + 1;
  lastVideo += 5000;
  await own.database.pool.query(
    `insert into feed.author_video (author_id, published_ms, video_id, pushed, friends)
     select $1, n, n, false, true from generate_series($2::int8, $3::int8) as n`,
    [followed, from, lastVideo],
  );
  const recent = await note(video(followed), true);
  const found: string[] = [];
  let requests = 0;
  for (let before: Entry | undefined = newest; before; requests++) {
    const { entries, lookedUpTo }: FollowingPage = await page(before, 5);
    found.push(...entries.map(({ videoId }) => videoId));
    before = lookedUpTo;
  }
  expect(found).toEqual([recent.videoId, old.videoId]);
  expect(requests).toBe(3);
});

test("whom it is for changes in place; what was taken back and is pulled now appears once", async () => {
  const one = await note(video(followed));
  expect(await read()).toEqual([one.videoId]);
  await note({ ...one, friends: true });
  expect(await read()).toEqual([]);
  await note(one);
  expect(await read()).toEqual([one.videoId]);
  await store.removeVideo(own.db, one);
  expect(await read()).toEqual([]);
  // By now its author has too many followers to deliver to.
  await note(one, true);
  expect(await read()).toEqual([one.videoId]);
});

test("a rebuild finds what is for friends, and says so again of what is recorded wrongly", async () => {
  const [lost, wrong, gone] = [video(friend, true), video(followed, true), video(followed)];
  await note({ ...wrong, friends: false });
  await note(gone);
  const facts = [lost, wrong].map((one) => ({
    id: one.videoId,
    authorId: one.authorId,
    publishedAtMs: one.publishedAtMs,
    visibility: Visibility.FRIENDS,
  }));
  const rebuild = rebuildInboxes({
    store: rebuildStore(own.db, own.events),
    video: {
      listPublished: async ({ withFriends }: { withFriends: boolean }) => ({
        videos: withFriends ? facts : [],
        more: false,
      }),
      findPublished: async ({ ids }: { ids: string[] }) => ({
        videos: facts.filter(({ id }) => ids.includes(id)),
      }),
    },
    relation: { getRelations: async () => ({ relations: [] }) },
    wereLarge: async () => new Set<string>(),
    pullFollowers: 1000,
  } as never);
  await rebuild.run({ signal: new AbortController().signal, finish: async () => {} } as never);
  const rows = await own.db
    .selectFrom("author_video")
    .select(["video_id", "friends"])
    .orderBy("video_id")
    .execute();
  expect(rows).toEqual([lost, wrong].map(({ videoId }) => ({ video_id: videoId, friends: true })));
  expect(await read()).toEqual([lost.videoId]);
});
