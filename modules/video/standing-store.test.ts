import { fromBinary } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, test } from "vitest";
import { AccountsDeleted } from "#contracts/deleted-accounts.ts";
import { VideoVisibilityChangedSchema } from "#contracts/gen/video_events_pb.ts";
import type { UploadId, UserId, VideoId } from "#contracts/ids.ts";
import { drifts } from "#platform/testing/drifts.ts";
import { heldUp, waiting } from "#platform/testing/held-up.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { migrations } from "./migrations.ts";
import { pipelineStore } from "./pipeline-store.ts";
import { counts } from "./recount.ts";
import { type Standing, standingStore } from "./standing-store.ts";
import type { Tables } from "./tables.ts";
import { uploadStore } from "./upload-store.ts";
import { videoStore } from "./video-store.ts";
import { toVisibility, type VisibilityName } from "./visibility.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let store: ReturnType<typeof stores>;
const stores = () => ({
  ...videoStore(own.db, own.events),
  ...uploadStore(own.db),
  ...pipelineStore(own.db, own.events),
  ...standingStore(own.db, own.events),
});
let lastId = 0;
beforeEach(async () => {
  own = await createModuleDatabase<Tables>("video", "1", migrations);
  store = stores();
});
afterEach(async () => {
  await own.drop();
});

const ann = "1" as UserId;
const rowsOf = async (sql: string) => (await own.database.pool.query(sql)).rows;
async function processing(more: { visibility?: VisibilityName; draft?: boolean } = {}): Promise<VideoId> {
  const [uploadId, id] = [String(++lastId) as UploadId, String(++lastId) as VideoId];
  const info = { durationMs: 8000, width: 720, height: 1280 };
  await store.addUpload({ id: uploadId, ownerId: ann, sourceKey: "video/a.mp4", sizeBytes: 10, info });
  await store.publish({ id, authorId: ann, uploadId, title: "", ...more }, own.jobs);
  await store.startProcessing(id);
  return id;
}
async function finish(id: VideoId): Promise<boolean> {
  const files = {
    playKey: "video/a.mp4",
    coverKey: "video/a.mp4",
    thumbHash: "",
    coverTimesMs: [],
    notices: [],
  };
  const sizes = {
    sizeBytes: 9,
    durationMs: 1,
    width: 2,
    height: 2,
    pictures: [],
    rungs: 0,
    keepsSource: false,
  };
  return store.finish(id, { ...files, ...sizes }, { traceId: "", finish: async () => {} }, own.jobs);
}
async function published(visibility: VisibilityName = "public"): Promise<VideoId> {
  const id = await processing({ visibility });
  await finish(id);
  return id;
}
/** By the next act. */
const stand = (videoId: VideoId, reach: Standing["reach"], held = false, version = String(++lastId)) =>
  store.moderate({ videoId, version, reach, held });
const choose = (id: VideoId, change: { visibility?: VisibilityName; title?: string; draft?: boolean }) =>
  store.updateVideo(id, ann, { mentions: {}, ...change }, own.jobs);
const stateOf = async (id: VideoId) => {
  const [video] = await store.videosById([id]);
  return video && [video.visibility, video.wished_visibility, video.reach];
};
/** The moves of a video that were told. */
async function told(id: VideoId): Promise<[was: number, now: number][]> {
  const rows = await rowsOf(
    `select payload from events.log where type = 'video.visibility_changed.v1' and key = '${id}' order by position`,
  );
  return rows.map(({ payload }) => {
    const { was, now } = fromBinary(VideoVisibilityChangedSchema, payload);
    return [was, now];
  });
}
const move = (was: VisibilityName, now: VisibilityName) => [toVisibility(was), toVisibility(now)];

test("what holds is the wish as far as it may reach, with its count and event, and the wish again in the end", async () => {
  for (const [wish, restricted] of [
    ["public", "unlisted"],
    ["unlisted", "unlisted"],
    ["friends", "friends"],
    ["private", "private"],
  ] as const) {
    const id = await published(wish);
    const before = await told(id);
    const works = async () => Number((await store.works([ann]))[0]?.works ?? 0);
    expect(await works()).toBe(1 * Number(wish === "public"));
    await stand(id, "restricted");
    expect([await stateOf(id), await works()]).toEqual([[restricted, wish, "restricted"], 0]);
    await stand(id, "down");
    expect([await stateOf(id), await works()]).toEqual([["private", wish, "down"], 0]);
    await stand(id, "full");
    expect([await stateOf(id), await works()]).toEqual([[wish, null, "full"], 1 * Number(wish === "public")]);
    const moves = [move(wish, restricted), move(restricted, "private"), move("private", wish)];
    expect((await told(id)).slice(before.length)).toEqual(moves.filter(([was, now]) => was !== now));
    await store.deleteVideo(id, ann, own.jobs);
  }
  expect(await drifts(own.database, counts)).toEqual([]);
});

test("a standing by an act that is not later changes nothing, nor one of a video that is not there", async () => {
  const id = await published();
  await stand(id, "down", false, "900");
  for (const version of ["900", "899", "1"]) await stand(id, "full", true, version);
  expect(await stateOf(id)).toEqual(["private", "public", "down"]);
  expect(await told(id)).toHaveLength(1);
  await stand("123456" as VideoId, "down", true);
  expect(await rowsOf("select from events.log where type = 'video.held_changed.v1'")).toEqual([]);
});

test("what its author chooses meanwhile is the wish, and the rest is changed as ever", async () => {
  const id = await published();
  await stand(id, "restricted");
  await choose(id, { visibility: "private" });
  expect(await stateOf(id)).toEqual(["private", "private", "restricted"]);
  await choose(id, { visibility: "public", title: "Nothing to see" });
  expect(await stateOf(id)).toEqual(["unlisted", "public", "restricted"]);
  await stand(id, "down");
  await choose(id, { title: "Nothing" });
  await choose(id, { visibility: "friends" });
  expect(await stateOf(id)).toEqual(["private", "friends", "down"]);
  await stand(id, "restricted");
  expect(await stateOf(id)).toEqual(["friends", "friends", "restricted"]);
  expect(await store.videosById([id])).toMatchObject([{ title: "Nothing" }]);
  expect(await drifts(own.database, counts)).toEqual([]);
  expect(await store.deleteVideo(id, ann, own.jobs)).toBe(true);
});

test("what is not published yet is published within its reach", async () => {
  const [made, draft] = [await processing(), await processing({ draft: true })];
  await stand(made, "down");
  await finish(draft);
  await stand(draft, "restricted");
  expect([await told(made), await told(draft)]).toEqual([[], []]);
  await finish(made);
  await choose(draft, { draft: false });
  expect([await told(made), await told(draft)]).toEqual([
    [[0, toVisibility("private")]],
    [[0, toVisibility("unlisted")]],
  ]);
  expect(await rowsOf("select from events.log where type = 'video.published.v1'")).toEqual([]);
  expect(await drifts(own.database, counts)).toEqual([]);
  await stand(made, "full");
  expect(await stateOf(made)).toEqual(["public", null, "full"]);
  expect(await drifts(own.database, counts)).toEqual([]);
});

test("a hold comes and goes with it, told once, and not where the author is gone", async () => {
  const id = await published();
  for (const held of [true, true, false, true]) await stand(id, "down", held);
  expect(await rowsOf("select from events.log where type = 'video.held_changed.v1'")).toHaveLength(3);
  expect(await store.deleteVideo(id, ann, own.jobs)).toBe(false);
  await stand(id, "full", false);
  await rowsOf("update video.author_stats set gone = true");
  await expect(stand(id, "down", true)).rejects.toThrow(AccountsDeleted);
  expect(await stateOf(id)).toEqual(["public", null, "full"]);
});

/** Begins the two while somebody has the video, so that they come one after the other. */
async function inOrder(id: VideoId, first: () => Promise<unknown>, second: () => Promise<unknown>) {
  let later: Promise<unknown> | undefined;
  const hold = `select from video.video where id = ${id} for update`;
  const outcome = await heldUp(own.database.pool, hold, first, async () => {
    later = second();
    later.catch(() => {});
    await waiting(own.database.pool, 2);
  });
  if (outcome instanceof Error) throw outcome;
  await later;
}
const bothOrders = [
  (one: unknown, other: unknown) => [one, other],
  (one: unknown, other: unknown) => [other, one],
];

test("its author chooses, publishes or deletes it while it is taken down: in both orders it is down", async () => {
  type Act = () => Promise<unknown>;
  for (const order of bothOrders) {
    const pair = (one: Act, other: Act) => order(one, other) as [Act, Act];
    const chosen = await published("unlisted");
    await inOrder(
      chosen,
      ...pair(
        () => choose(chosen, { visibility: "public" }),
        () => stand(chosen, "down"),
      ),
    );
    expect(await stateOf(chosen)).toEqual(["private", "public", "down"]);

    const finished = await processing();
    await inOrder(
      finished,
      ...pair(
        () => finish(finished),
        () => stand(finished, "down"),
      ),
    );
    expect(await stateOf(finished)).toEqual(["private", "public", "down"]);

    const draft = await processing({ draft: true });
    await finish(draft);
    await inOrder(
      draft,
      ...pair(
        () => choose(draft, { draft: false }),
        () => stand(draft, "down"),
      ),
    );
    expect(await stateOf(draft)).toEqual(["private", "public", "down"]);

    const deleted = await published();
    await inOrder(
      deleted,
      ...pair(
        () => store.deleteVideo(deleted, ann, own.jobs),
        () => stand(deleted, "down"),
      ),
    );
    expect(await stateOf(deleted)).toBeUndefined();
    for (const id of [chosen, finished, draft])
      expect((await told(id)).at(-1)).toEqual([expect.anything(), toVisibility("private")]);
    expect(await drifts(own.database, counts)).toEqual([]);
  }
});

test("many acts of everybody at once leave what the last of them said, and counts that agree", async () => {
  const ids = await Promise.all(Array.from({ length: 4 }, () => published()));
  const reaches = ["full", "restricted", "down"] as const;
  const wishes = ["public", "unlisted", "friends", "private"] as const;
  const versions = Array.from({ length: 12 }, () => String(++lastId));
  await Promise.all(
    ids.flatMap((id) =>
      versions.flatMap((version, i) => [
        stand(id, i === 11 ? "restricted" : reaches[i % 3]!, false, version),
        choose(id, { visibility: wishes[i % 4]! }),
      ]),
    ),
  );
  for (const id of ids) {
    await choose(id, { visibility: "public" });
    expect(await stateOf(id)).toEqual(["unlisted", "public", "restricted"]);
    // Each move begins where the one before has ended.
    const moves = await told(id);
    expect(moves[0]![0]).toBe(toVisibility("public"));
    for (const [i, [was]] of moves.slice(1).entries()) expect(was).toBe(moves[i]![1]);
    expect(moves.at(-1)![1]).toBe(toVisibility("unlisted"));
  }
  expect(await drifts(own.database, counts)).toEqual([]);
});

test("a process of an earlier release does not show what is down, and changes everything else", async () => {
  const [down, restricted] = [await published(), await published()];
  await stand(down, "down");
  await stand(restricted, "restricted");
  const write = (id: VideoId, visibility: VisibilityName) =>
    rowsOf(`update video.video set visibility = '${visibility}', title = 'Old' where id = ${id}`);
  for (const visibility of ["public", "unlisted", "friends"] as const)
    await expect(write(down, visibility)).rejects.toThrow("video_within_reach");
  // Nor does it hide what would be shown again when the restriction ends.
  for (const visibility of ["public", "friends", "private"] as const)
    await expect(write(restricted, visibility)).rejects.toThrow("video_within_reach");
  await write(down, "private");
  await write(restricted, "unlisted");
  expect(await store.videosById([down])).toMatchObject([{ title: "Old" }]);
});
