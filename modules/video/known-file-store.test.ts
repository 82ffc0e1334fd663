import { afterEach, beforeEach, expect, test } from "vitest";
import type { UploadId, UserId } from "#contracts/ids.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { type KnownFileStore, knownFileStore } from "./known-file-store.ts";
import { migrations } from "./migrations.ts";
import type { Tables } from "./tables.ts";
import { uploadStore } from "./upload-store.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let known: KnownFileStore;
const [eve, ben] = ["500", "501"] as [UserId, UserId];
beforeEach(async () => {
  own = await createModuleDatabase<Tables>("video", "known", migrations);
  known = knownFileStore(own.db);
});
afterEach(async () => {
  await own.drop();
});

const count = async (): Promise<number> =>
  Number((await own.database.pool.query("select count(*) from video.known_file_challenge")).rows[0]!.count);
const asked = (challenge: string) => ({
  challenge,
  sourceKey: "source/a.bin",
  sizeBytes: 9,
  ranges: [[0, 9]] as [number, number][],
});

test("however many somebody asks for at once, so many are kept, and those of others stay", async () => {
  await known.add(ben, asked("ben's"), 5);
  await Promise.all(Array.from({ length: 200 }, (_, i) => known.add(eve, asked(`${i}`), 5)));
  expect(await count()).toBe(6);
  expect(await known.take(ben, "ben's", 60_000)).toMatchObject({ ranges: [[0, 9]], size_bytes: "9" });
});

test("a challenge that is too old is none, and is removed", async () => {
  await known.add(eve, asked("one"), 5);
  await own.database.pool.query("update video.known_file_challenge set made_at = made_at - interval '61 s'");
  expect(await known.take(eve, "one", 60_000)).toBeUndefined();
  await known.add(eve, asked("two"), 5);
  await known.drop(60_000);
  expect(await count()).toBe(1);
  expect(await known.take(eve, "two", 60_000)).toBeDefined();
});

test("a file that nobody uses any more is unknown, though it is still in its place", async () => {
  const uploads = uploadStore(own.db);
  const again = (id: string) =>
    uploads.addUpload({
      ...{ id: id as UploadId, ownerId: eve, sourceKey: "source/a.bin", sizeBytes: 9, info: {} },
      isKnown: true,
    });
  await expect(again("1")).rejects.toMatchObject({ reason: "UPLOAD_UNKNOWN" });
  expect((await own.database.pool.query("select from video.upload")).rows).toEqual([]);
  await uploads.addUpload({
    id: "2" as UploadId,
    ownerId: ben,
    sourceKey: "source/a.bin",
    sizeBytes: 9,
    info: {},
  });
  await again("3");
});
