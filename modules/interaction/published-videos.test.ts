import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from "vitest";
import { relationBlocked, videoDeleted, videoVisibilityChanged } from "#contracts/events.ts";
import { Relationship } from "#contracts/gen/relation_pb.ts";
import { VideoState, Visibility } from "#contracts/gen/video_pb.ts";
import { embeddedCaches } from "#platform/cache/embedded-caches.ts";
import { perCall } from "#platform/db/database.ts";
import { refusal } from "#platform/errors/reasons.ts";
import type { EventBroadcast } from "#platform/events/events.ts";
import { createMetrics } from "#platform/observe/metrics.ts";
import { type Call, withinDeadline } from "#platform/rpc/call.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { patienceMs } from "#platform/testing/patience.ts";
import { actValidity } from "./act-validity.ts";
import { type AuthorBlocks, askBlocks } from "./blocks.ts";
import { migrations } from "./migrations.ts";
import { createPublishedVideos, type PublishedVideos } from "./published-videos.ts";
import type { Tables } from "./tables.ts";
import { addVideos } from "./video-rows.ts";

const [author, fan, other] = ["1", "2", "3"] as const;
const videoId = "101";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let videos: PublishedVideos;
let blocks: AuthorBlocks;
let logAway: boolean;
/** Whether only its author sees the video. */
let hidden: boolean;
let blocked: Set<string>;
/** How many calls went to the services of videos and of blocks. */
let asked: { videos: number; blocks: number };
/** Whether relation is of a release that does not tell who blocks nobody. */
let earlier: boolean;

beforeAll(async () => {
  own = await createModuleDatabase<Tables>("interaction", "1", migrations);
});
afterAll(() => own.drop());
beforeEach(async () => {
  await own.database.pool.query("truncate interaction.video, events.log");
  [logAway, hidden, earlier, blocked, asked] = [false, false, false, new Set(), { videos: 0, blocks: 0 }];
  const video = {
    async getVideos(_request: unknown, { callerId }: Call) {
      asked.videos++;
      if (hidden && callerId !== author) return { videos: [] };
      return { videos: [{ id: videoId, authorId: author, state: VideoState.PUBLISHED }] };
    },
  };
  const relation = {
    async getStandings({ people }: { people: { userId: string }[] }) {
      asked.blocks++;
      const standings = people.map(({ userId }) => [blocked.has(userId) ? Relationship.BLOCKED_BY : 0]);
      return { standings, peacefulIds: blocked.size > 0 || earlier ? [] : [author] };
    },
  };
  const events: EventBroadcast = {
    changesSince: async (types, cursor) => {
      if (logAway) throw refusal("DATABASE_UNAVAILABLE");
      return own.events.changesSince(types, cursor);
    },
  };
  const caches = embeddedCaches(createMetrics());
  const validity = actValidity(events, caches);
  const addRows = perCall(
    own.db,
    (until) => (rows: Parameters<typeof addVideos>[1]) => addVideos(until, rows),
  );
  videos = createPublishedVideos(video as never, addRows, validity, caches);
  blocks = askBlocks(relation as never, validity, caches);
});

/** Whether the person may act; undefined if the video is not there for them. */
function mayAct(callerId: string): Promise<boolean | undefined> {
  const call = { callerId, traceId: "0".repeat(32), deadlineMs: Date.now() + patienceMs };
  return withinDeadline(call, async (served) => {
    const found = await videos.find(videoId, served).catch((error) => {
      if (error.reason === "VIDEO_NOT_FOUND") return undefined;
      throw error;
    });
    return found && !(await blocks(found, callerId, served));
  });
}
const emit: typeof own.events.transaction = (db, work) => own.events.transaction(db, work);
const hide = () =>
  emit(own.db, async (_transaction, tell) => {
    hidden = true;
    const change = { was: Visibility.PUBLIC, now: Visibility.PRIVATE };
    tell(videoVisibilityChanged, { videoId, authorId: author, publishedAtMs: 1, ...change });
  });

test("of a video that all may see, by somebody who blocks nobody, the services are asked once", async () => {
  for (const person of [fan, other, fan]) expect(await mayAct(person)).toBe(true);
  expect(asked).toEqual({ videos: 1, blocks: 1 });
  const { rows } = await own.database.pool.query("select video_id, author_id from interaction.video");
  expect(rows).toEqual([{ video_id: videoId, author_id: author }]);
});

test("a change of who may see it is felt with the next question, and only its author is let in", async () => {
  expect(await mayAct(fan)).toBe(true);
  await hide();
  expect(await mayAct(fan)).toBeUndefined();
  expect(await mayAct(author)).toBe(true);
  expect(await mayAct(fan)).toBeUndefined();
});

test("what is not there for all is asked for each time", async () => {
  hidden = true;
  for (let i = 0; i < 3; i++) expect(await mayAct(author)).toBe(true);
  // As a guest first, each time.
  expect(asked.videos).toBe(6);
});

test("a deletion is felt with the next question", async () => {
  expect(await mayAct(fan)).toBe(true);
  await emit(own.db, async (_transaction, tell) => {
    hidden = true;
    tell(videoDeleted, { videoId, authorId: author, publishedAtMs: 1 });
  });
  expect(await mayAct(fan)).toBeUndefined();
});

test("a first block is felt with the next question, and who blocks somebody is asked about each person", async () => {
  expect(await mayAct(fan)).toBe(true);
  await emit(own.db, async (_transaction, tell) => {
    blocked.add(fan);
    tell(relationBlocked, { blockerId: author, blockedId: fan, blockId: "9", atMs: 1 });
  });
  expect(await mayAct(fan)).toBe(false);
  expect(await mayAct(other)).toBe(true);
  expect(asked.blocks).toBe(3);
});

test("a change is felt also while what was written before it is not committed", async () => {
  expect(await mayAct(fan)).toBe(true);
  const holder = await own.database.pool.connect();
  onTestFinished(() => holder.release(true));
  // A transaction that is given its position first and commits last.
  await holder.query("begin");
  await holder.query(
    `select events.append_hashed('{1}'::int8[], '{other.v1}'::text[], '{x}'::text[], array['\\x'::bytea], '{t}'::text[])`,
  );
  await hide();
  expect(await mayAct(fan)).toBeUndefined();
});

test("while the log cannot be read nothing that is remembered counts", async () => {
  expect(await mayAct(fan)).toBe(true);
  logAway = true;
  hidden = true;
  expect(await mayAct(fan)).toBeUndefined();
});

test("with a relation service of an earlier release each person is asked about", async () => {
  earlier = true;
  for (const person of [fan, other]) expect(await mayAct(person)).toBe(true);
  expect(asked).toEqual({ videos: 1, blocks: 2 });
});
