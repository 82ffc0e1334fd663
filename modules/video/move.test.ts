import { afterEach, beforeEach, expect, test } from "vitest";
import type { UploadId, UserId, VideoId } from "#contracts/ids.ts";
import { followSchema } from "#platform/db/move/follow-schema.ts";
import { moveSchema } from "#platform/db/move/move-schema.ts";
import { claimMain, hasLeft, noteInUse, refuseInUse } from "#platform/db/placement.ts";
import { createModuleDatabase, type ModuleDatabase } from "#platform/testing/module-database.ts";
import { migrations } from "./migrations.ts";
import type { Tables } from "./tables.ts";
import { uploadStore } from "./upload-store.ts";

const eve = "500" as UserId;
let from: ModuleDatabase<Tables>;
let to: ModuleDatabase<Tables>;
let lastId = 1000;
const nextId = () => String(++lastId);

beforeEach(async () => {
  [from, to] = [
    await createModuleDatabase<Tables>("video", "move", migrations),
    await createModuleDatabase<Tables>("video", "move", migrations),
  ];
  for (const { database } of [from, to]) await claimMain(database);
  const { uploadId } = await upload(from);
  const post = { id: nextId() as VideoId, authorId: eve, uploadId, title: "" };
  await uploadStore(from.db).publish(post, from.jobs);
  await upload(from);
});
afterEach(async () => {
  await from?.drop();
  await to?.drop();
});

async function upload({ db }: ModuleDatabase<Tables>): Promise<{ uploadId: UploadId }> {
  const uploadId = nextId() as UploadId;
  const info = { durationMs: 8000, width: 720, height: 1280 };
  const file = { id: uploadId, ownerId: eve, sourceKey: "source/a.bin", sizeBytes: 10, info };
  await uploadStore(db).addUpload(file, async () => {});
  return { uploadId };
}
const move = () => ({ module: "video", from: from.database, to: to.database, onProgress() {} });
const keptIn = async ({ database }: ModuleDatabase<Tables>) =>
  Number((await database.pool.query("select kept_bytes from video.author_stats")).rows[0].kept_bytes);

test("what people keep is counted once, and goes on being counted, after a move", async () => {
  expect(await keptIn(from)).toBe(20);
  await moveSchema({ ...move(), main: from.database, async record() {} });
  expect(await keptIn(to)).toBe(20);
  await upload(to);
  expect(await keptIn(to)).toBe(30);
});

test("so it is when people go on uploading meanwhile", async () => {
  const followed = await followSchema({ ...move(), stream: `move_${process.pid}` });
  try {
    await followed.compare();
    expect(await keptIn(to)).toBe(20);
    await upload(from);
    await followed.catchUp();
    await followed.compare();
    expect(await keptIn(to)).toBe(30);
    await upload(to);
    expect(await keptIn(to)).toBe(40);
  } finally {
    await followed.end();
  }
});

test("a database that the module had left before has it again after a move", async () => {
  await to.database.pool.query("update placement.database set left_at = now()");
  await moveSchema({ ...move(), main: from.database, async record() {} });
  expect(await hasLeft(to.database.pool)).toBe(false);
});

test("a database that the module was taken back from may be moved to again, also when nothing could be noted after", async () => {
  await noteInUse(from.database.pool, true);
  await moveSchema({ ...move(), main: to.database, async record() {} });
  await refuseInUse("video", from.database.pool);
});
