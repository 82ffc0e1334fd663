import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { create } from "@bufbuild/protobuf";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";
import { AccountsDeleted } from "#contracts/deleted-accounts.ts";
import { accountClosing } from "#contracts/events.ts";
import { AddUploadRequestSchema } from "#contracts/gen/video_pb.ts";
import type { UploadId, UserId, VideoId } from "#contracts/ids.ts";
import type { BlobKey, BlobStore } from "#platform/blob/blob-store.ts";
import { diskBlobStore } from "#platform/blob/disk-blob-store.ts";
import { perCall } from "#platform/db/database.ts";
import { createSnowflake } from "#platform/ids/snowflake.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { Media } from "#platform/media/media-tool.ts";
import { drifts } from "#platform/testing/drifts.ts";
import { heldUp, waiting } from "#platform/testing/held-up.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { patienceMs } from "#platform/testing/patience.ts";
import { consumeDeletionRequests } from "./account-erasure.ts";
import { type AccountErasureStore, accountErasureStore } from "./account-erasure-store.ts";
import { addUpload } from "./handlers/add-upload.ts";
import { migrations } from "./migrations.ts";
import { removeBlob } from "./pipeline.ts";
import { pipelineStore } from "./pipeline-store.ts";
import { counts } from "./recount.ts";
import { type ResumableStore, resumableStore } from "./resumable-store.ts";
import type { Tables } from "./tables.ts";
import { type UploadStore, uploadStore } from "./upload-store.ts";
import { type VideoStore, videoStore } from "./video-store.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let uploads: UploadStore;
let videos: VideoStore;
let accounts: AccountErasureStore;
let jobs: Jobs;
let resumables: ResumableStore;
let lastId = 1000;
const eve = "500" as UserId;
beforeEach(async () => {
  own = await createModuleDatabase<Tables>("video", "accounts", migrations);
  uploads = uploadStore(own.db);
  videos = videoStore(own.db, own.events);
  accounts = accountErasureStore(own.db);
  resumables = resumableStore(own.db);
  // No workers run.
  jobs = own.jobs;
});
afterEach(async () => {
  await own.drop();
});

const rowsOf = async (sql: string) => (await own.database.pool.query(sql)).rows;
async function upload(ownerId = eve): Promise<UploadId> {
  const id = String(++lastId) as UploadId;
  const info = { durationMs: 8000, width: 720, height: 1280 };
  await uploads.addUpload({ id, ownerId, sourceKey: "video/source.mp4", sizeBytes: 10, info });
  return id;
}
const publish = (uploadId: UploadId, authorId = eve) =>
  uploads.publish({ id: String(++lastId) as VideoId, authorId, uploadId, title: "" }, jobs);
const shareOfEve = async () => [
  ...(await rowsOf("select from video.video where author_id = 500")),
  ...(await rowsOf("select from video.upload where owner_id = 500")),
  ...(await rowsOf("select from video.resumable_upload where owner_id = 500")),
];
const discarded: string[] = [];
const told = async () =>
  (await rowsOf("select type from events.log where type like 'video.account%' order by position")).map(
    ({ type }) => type.split(/[._]/)[2],
  );

async function close(closingId: string): Promise<void> {
  const consumer = consumeDeletionRequests(
    own.events,
    { videos: () => videos, accounts: () => accounts, resumables: () => resumables },
    jobs,
    { discard: async (name) => void discarded.push(name) },
  );
  await own.events.transaction(own.db, async (_transaction, emit) =>
    emit(accountClosing, { userId: eve, closingId, atMs: 1 }),
  );
  await consumer.settled();
  await consumer.stop();
}

test("videos in every state and uploads go with what they use, each with its event; other people's stay", async () => {
  const first = (await publish(await upload()))!.id;
  await rowsOf(`
    insert into video.video (id, author_id, upload_id, title, state, source_key, play_key, cover_key, duration_ms, width,
      height, size_bytes, info, published_ms)
    select 10000 + i, 500, 10000 + i, '', (array['published', 'failed', 'processing'])[i % 3 + 1], 's', 'p', 'c' || i, 1, 1, 1,
      1, '{}', case when i % 3 = 0 then i end
    from generate_series(1, 250) i`);
  await rowsOf(
    "insert into video.blob_use select key, id from video.video, unnest(array[play_key, cover_key]) key where id > 10000",
  );
  await rowsOf("update video.author_stats set works = 83 where author_id = 500");
  await upload();
  const nothing = async () => {};
  for (const [id, ownerId] of [
    ["901", eve],
    ["902", "2"],
  ] as const)
    await resumables.begin(
      { id: id as UploadId, ownerId: ownerId as UserId, address: "", sizeBytes: 9, partial: `${id}.part` },
      nothing,
    );
  const other = (await publish(await upload("2" as UserId), "2" as UserId))!.id;
  expect(await drifts(own.database, counts)).toEqual([]);

  await close("7");
  expect(await shareOfEve()).toEqual([]);
  expect(await rowsOf("select id from video.video")).toEqual([{ id: other }]);
  expect(await rowsOf("select owner_id from video.blob_use")).toEqual([{ owner_id: other }]);
  expect(await rowsOf("select key from video.job where kind = 'process'")).toEqual([{ key: other }]);
  expect(await rowsOf("select works, gone from video.author_stats where author_id = 500")).toEqual([
    { works: "0", gone: true },
  ]);
  const deleted = (await rowsOf("select key from events.log where type = 'video.deleted.v1'")).map(
    ({ key }) => key,
  );
  expect(deleted).toHaveLength(251);
  expect(new Set(deleted)).toContain(first);
  expect(await told()).toEqual(["removed"]);
  expect(discarded).toEqual(["901.part"]);
  expect(await rowsOf("select id from video.resumable_upload")).toEqual([{ id: "902" }]);
  expect(await drifts(own.database, counts)).toEqual([]);

  // Nothing is added afterwards, and repeating changes nothing.
  await expect(upload()).rejects.toThrow(AccountsDeleted);
  await close("7");
  expect(await rowsOf("select from events.log where type = 'video.deleted.v1'")).toHaveLength(251);
});

test("a hold refuses one request for good, whenever it is handled, but no later request once it has ended", async () => {
  const { id } = (await publish(await upload()))!;
  expect(await videos.setHeld(id as VideoId, true)).toBe(true);
  await close("7");
  expect(await told()).toEqual(["refused"]);
  await videos.setHeld(id as VideoId, false);
  await close("7");
  expect(await told()).toEqual(["refused", "refused"]);
  expect(await shareOfEve()).toHaveLength(1);
  // It goes on as before.
  expect((await publish(await upload()))?.id).toBeDefined();
  await close("8");
  expect(await told()).toEqual(["refused", "refused", "removed"]);
  expect(await shareOfEve()).toEqual([]);
});

test("a video is not published meanwhile", async () => {
  const id = await upload();
  let removed: Promise<unknown> | undefined;
  const hold = `select from video.upload where id = ${id} for update`;
  const outcome = await heldUp(
    own.database.pool,
    hold,
    () => publish(id),
    async () => {
      expect(await accounts.markDeleted(eve, "7")).toBe(true);
      removed = accounts.removeUploads(eve, jobs);
      // After the publishing: coming first, it would remove its upload.
      await waiting(own.database.pool, 2);
    },
  );
  expect(outcome).toBeInstanceOf(AccountsDeleted);
  await removed;
  expect(await shareOfEve()).toEqual([]);
  expect(await rowsOf("select key from video.job where kind = 'process'")).toEqual([]);
});

test("an upload in progress is waited for, and goes", async () => {
  await upload();
  let removed: Promise<unknown> | undefined;
  const hold = "select pg_advisory_xact_lock(hashtextextended('video/source.mp4', 0))";
  const outcome = await heldUp(own.database.pool, hold, upload, async () => {
    removed = close("7");
  });
  expect(outcome).toBe(String(lastId));
  await removed;
  expect(await shareOfEve()).toEqual([]);
  expect(await rowsOf("select from video.blob_use")).toEqual([]);
});

test("a hold during the deletion has no effect", async () => {
  const { id } = (await publish(await upload()))!;
  const hold = `select from video.video where id = ${id} for update`;
  const outcome = await heldUp(
    own.database.pool,
    hold,
    () => videos.setHeld(id as VideoId, true),
    async () => expect(await accounts.markDeleted(eve, "7")).toBe(true),
  );
  expect(outcome).toBeInstanceOf(AccountsDeleted);
  await close("7");
  expect(await shareOfEve()).toEqual([]);
});

/** Sends a file that is put in its place by `blobs`. */
async function addFile(disk: BlobStore, blobs: BlobStore) {
  const media = { probe: async () => ({ container: "mp4" }) } as unknown as Media;
  const ids = createSnowflake({ node: 1, floorMs: 0, nowMs: Date.now });
  const { name, sha256, sizeBytes } = await disk.receive(Readable.from([Buffer.from("a video")]), {
    maxBytes: 9,
  });
  const request = create(AddUploadRequestSchema, { staged: name, sha256, sizeBytes });
  const call = {
    callerId: eve,
    traceId: "0".repeat(32),
    deadlineMs: Date.now() + patienceMs,
    signal: new AbortController().signal,
  };
  return addUpload(
    {
      store: perCall(own.db, uploadStore),
      blobs,
      media,
      jobs: own.jobs,
      maxProcessingMs: 1_200_000,
      maxUnpublishedBytes: 1e9,
      quotaBytes: 0,
    },
    ids,
  )(request, call);
}

test("an upload whose author goes while its file is put in place leaves no file behind", async () => {
  const dir = await mkdtemp(join(tmpdir(), "douya-upload-"));
  onTestFinished(() => rm(dir, { recursive: true }));
  const disk = await diskBlobStore(dir);
  const removed: string[] = [];
  const remove = removeBlob(pipelineStore(own.db, own.events), {
    ...disk,
    remove(key) {
      removed.push(key);
      return disk.remove(key);
    },
  });
  const removing = own.jobs.work({ kinds: { "remove-blob": remove }, concurrency: 1 });
  onTestFinished(() => removing.stop());
  const blobs = {
    ...disk,
    async commit(name: string, key: BlobKey) {
      await close("1");
      // It looks for a file that does not exist yet.
      removing.wake();
      await expect.poll(() => removed.length).toBe(1);
      await disk.commit(name, key);
    },
  };
  await expect(addFile(disk, blobs)).rejects.toMatchObject({ reason: "SESSION_ENDED" });
  removing.wake();
  await expect.poll(() => rowsOf("select from video.job")).toEqual([]);
  expect(await disk.size(removed[0] as BlobKey)).toBeUndefined();
});

test("an upload whose file cannot be put in its place is none", async () => {
  const dir = await mkdtemp(join(tmpdir(), "douya-upload-"));
  onTestFinished(() => rm(dir, { recursive: true }));
  const disk = await diskBlobStore(dir);
  const commit = () => Promise.reject(new Error("the disk is away"));
  await expect(addFile(disk, { ...disk, commit })).rejects.toThrow("the disk is away");
  expect(await shareOfEve()).toEqual([]);
  expect(await uploads.storageOf(eve)).toBe(0);
});
