import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "vitest";
import type { UploadId, UserId, VideoId } from "#contracts/ids.ts";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import { perCall } from "#platform/db/database.ts";
import { heldUp } from "#platform/testing/held-up.ts";
import { createModuleDatabase, type ModuleDatabase } from "#platform/testing/module-database.ts";
import { patienceMs } from "#platform/testing/patience.ts";
import { finishUpload } from "./handlers/finish-upload.ts";
import { migrations } from "./migrations.ts";
import { resumableStore } from "./resumable-store.ts";
import { resumableExpiryMs } from "./rules.ts";
import type { Tables } from "./tables.ts";
import { type UploadStore, unpublishedBytes, uploadStore } from "./upload-store.ts";

const eve = "500" as UserId;
const info = { durationMs: 8000, width: 720, height: 1280 };
const file = { ownerId: eve, sourceKey: "source/a.bin", sizeBytes: 10, info };
let own: ModuleDatabase<Tables>;
let uploads: UploadStore;
beforeEach(async () => {
  own = await createModuleDatabase<Tables>("video", "uploads", migrations);
  uploads = uploadStore(own.db);
});
afterEach(async () => {
  await own.drop();
});

test("an upload in pieces counts once, also when its process was killed before it noted the end", async () => {
  const id = "1001" as UploadId;
  const partial = `partial-${randomUUID()}`;
  await resumableStore(own.db).begin(
    { id, ownerId: eve, address: "", sizeBytes: 10, partial },
    async () => {},
  );
  const used = async () => [
    await uploads.storageOf(eve),
    (await unpublishedBytes(own.db, eve)).own,
    (await unpublishedBytes(own.db)).all,
  ];
  expect(await used()).toEqual([10, 10, 10]);
  await uploads.addUpload({ ...file, id, resumable: true });
  expect(await used()).toEqual([10, 10, 10]);
  await uploads.publish({ id: "1002" as VideoId, authorId: eve, uploadId: id, title: "" }, own.jobs);
  expect(await used()).toEqual([10, 10, 10]);
});

const hourMs = 3_600_000;

test("a sweep leaves an upload that somebody completes just then", async () => {
  const store = resumableStore(own.db);
  const id = "1001" as UploadId;
  await store.begin(
    { id, ownerId: eve, address: "", sizeBytes: 10, partial: "a.put", isDirect: true },
    async () => {},
  );
  await own.database.pool.query("update video.resumable_upload set begun_at = now() - interval '25 hours'");
  const by = { writer: "one", forMs: hourMs, isDirect: true };
  expect(await store.lock(id, eve, by)).toBeDefined();
  const drop = () =>
    store.drop({ untouchedMs: 48 * hourMs, olderThanMs: 168 * hourMs, directMs: 24 * hourMs });
  expect(await drop()).toEqual([]);
  await store.unlock(id, eve, "one", 0);
  expect(await drop()).toEqual(["a.put"]);
  await store.begin({ id, ownerId: eve, address: "", sizeBytes: 10, partial: "b.part" }, async () => {});
  await store.lock(id, eve, { writer: "one", forMs: hourMs });
  expect(await store.drop({ ownerId: eve })).toEqual(["b.part"]);
});

test.each([
  ["is gone", undefined, undefined],
  ["has its place already", 10, { upload: { id: "1001" } }],
])("an upload whose file %s at the end of it", async (_name, placedBytes, left) => {
  const id = "1001" as UploadId;
  const resumables = perCall(own.db, resumableStore);
  const row = await resumables.lasting.begin(
    { id, ownerId: eve, address: "", sizeBytes: 10, partial: "a.part" },
    async () => {},
  );
  await uploads.addUpload({ ...file, id, resumable: true });
  const gone = Object.assign(new Error("gone"), { code: "ENOENT" });
  const blobs: Partial<BlobStore> = { commit: () => Promise.reject(gone), size: async () => placedBytes };
  const parts = { store: perCall(own.db, uploadStore), blobs, jobs: own.jobs } as never;
  const call = { signal: new AbortController().signal } as never;
  const finishing = finishUpload(row, async () => "", resumables, parts, call);
  await expect(finishing).rejects.toMatchObject({ reason: "UPLOAD_NOT_FOUND" });
  const found = await uploads.finished(id, eve);
  if (left) expect(found).toMatchObject(left);
  else expect(found).toBeUndefined();
});

test("an upload in pieces says the first of its ends", () => {
  const at = (hours: number) => new Date(hours * hourMs);
  const expiry = (begun: number, touched: number, partial = "a.part") =>
    resumableExpiryMs({ begun_at: at(begun), touched_at: at(touched), partial }) / hourMs;
  expect(expiry(0, 1)).toBe(49);
  expect(expiry(0, 167)).toBe(168);
  expect(expiry(0, 1, "")).toBe(25);
});

test("what is on its way is found without a look at all uploads that there were", async () => {
  const { pool } = own.database;
  await pool.query(
    `insert into video.resumable_upload (owner_id, id, address, size_bytes, partial)
     select n, n, '', 10, case when n <= 3 then 'partial-' || n else '' end from generate_series(1, 20000) n`,
  );
  await pool.query("vacuum analyze video.resumable_upload");
  expect((await unpublishedBytes(own.db)).all).toBe(30);
  const scans = async () =>
    (
      await pool.query(
        "select idx_scan::int as scans from pg_stat_user_indexes where indexrelname = 'resumable_upload_on_its_way'",
      )
    ).rows;
  await expect.poll(scans, { timeout: patienceMs }).toEqual([{ scans: 1 }]);
});

test("who counts for the first time waits for an upload that is being added", async () => {
  // As a process of an earlier release left it.
  await own.database.pool.query("insert into video.author_stats (author_id, works) values (500, 0)");
  await heldUp(
    own.database.pool,
    "insert into video.upload (owner_id, id, source_key, size_bytes, info) values (500, 1, 'source/b.bin', 7, '{}')",
    () => uploads.addUpload({ ...file, id: "1001" as UploadId }),
    async () => {},
  );
  expect((await own.database.pool.query("select kept_bytes from video.author_stats")).rows).toEqual([
    { kept_bytes: "17" },
  ]);
});

test("a sweep over the uploads of many locks what they keep in the order of their ids", async () => {
  const { pool } = own.database;
  // So stored that a plain update meets them the other way round.
  for (const owner of ["900", "500"]) {
    const sourceKey = `source/${owner}.bin`;
    await uploads.addUpload({ ...file, ownerId: owner as UserId, id: `${owner}1` as UploadId, sourceKey });
  }
  await heldUp(
    pool,
    "select from video.author_stats where author_id = 500 for update",
    () => uploads.dropUploads(-1_000, own.jobs),
    async () => {
      await pool.query("select from video.author_stats where author_id = 900 for update nowait");
    },
  );
  const { rows } = await pool.query("select author_id, kept_bytes from video.author_stats order by 1");
  expect(rows).toEqual(["500", "900"].map((author_id) => ({ author_id, kept_bytes: "0" })));
});
