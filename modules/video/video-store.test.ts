import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { UploadId, UserId, VideoId } from "#contracts/ids.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { Job } from "#platform/jobs/workers.ts";
import { heldUp, waiting } from "#platform/testing/held-up.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { migrations } from "./migrations.ts";
import { picturePostStore } from "./picture-post-store.ts";
import { type PipelineStore, pipelineStore } from "./pipeline-store.ts";
import { publishAtTime } from "./publication.ts";
import type { StoredPicture, Tables } from "./tables.ts";
import { type UploadStore, uploadStore } from "./upload-store.ts";
import { type VideoStore, videoStore } from "./video-store.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let store: VideoStore & UploadStore & PipelineStore;
let jobs: Jobs;
let lastId = 0;
const newId = () => String(++lastId);
beforeEach(async () => {
  own = await createModuleDatabase<Tables>("video", "1", migrations);
  store = {
    ...videoStore(own.db, own.events),
    ...uploadStore(own.db),
    ...pipelineStore(own.db, own.events),
  };
  // No workers run.
  jobs = own.jobs;
});
afterEach(async () => {
  await own.drop();
});

const ann = "1" as UserId;
const source = "video/source.mp4";
async function upload(sourceKey = source, ownerId = ann): Promise<UploadId> {
  const id = newId() as UploadId;
  await store.addUpload({
    id,
    ownerId,
    sourceKey,
    sizeBytes: 10,
    info: { durationMs: 8000, width: 720, height: 1280 },
  });
  return id;
}
const publish = (uploadId: UploadId, authorId = ann) =>
  store.publish({ id: newId() as VideoId, authorId, uploadId, title: "" }, jobs);
async function processing(sourceKey = source, authorId = ann): Promise<VideoId> {
  const video = (await publish(await upload(sourceKey, authorId), authorId))!;
  await store.startProcessing(video.id as VideoId);
  return video.id as VideoId;
}
/** A job that ends as ours do. */
const jobOf = (kind: string, key: string): Pick<Job, "key" | "finish"> & Job => ({
  id: "1",
  key,
  attempt: 1,
  signal: new AbortController().signal,
  traceId: "",
  finish: async (on) =>
    void (await on.deleteFrom("job").where("kind", "=", kind).where("key", "=", key).execute()),
});
const published = {
  playKey: source,
  coverKey: "cover/a.jpg",
  thumbHash: "",
  coverTimesMs: [],
  sizeBytes: 9,
  durationMs: 1,
  width: 2,
  height: 2,
  notices: [],
  pictures: [],
  rungs: 0,
  keepsSource: false,
};
const finish = (id: VideoId, playKey = source) =>
  store.finish(id, { ...published, playKey }, jobOf("process", id), jobs);
const remove = (key: string, work = async () => {}) =>
  store.removeUnusedBlob(jobOf("remove-blob", key), work);
const remaining = async (kind: string) =>
  (await own.db.selectFrom("job").select("key").where("kind", "=", kind).orderBy("key").execute()).map(
    ({ key }) => key,
  );
const users = async (key: string) =>
  (
    await own.db
      .selectFrom("blob_use")
      .select("owner_id")
      .where("key", "=", key)
      .orderBy("owner_id")
      .execute()
  ).map((row) => row.owner_id);
const works = async (authorId = ann) => Number((await store.works([authorId]))[0]?.works ?? 0);
/** Waits until a transaction waits for a lock. */
const somebodyWaits = () =>
  expect
    .poll(
      async () =>
        (
          await own.database.pool.query(
            "select 1 from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()",
          )
        ).rowCount,
      { interval: 5 },
    )
    .toBeGreaterThan(0);
function gate() {
  let open!: () => void;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { open, opened };
}

describe("publishing", () => {
  test("an upload becomes a video with one job and its hold on the blob", async () => {
    const id = await upload();
    expect(await users(source)).toEqual([id]);
    const video = (await publish(id))!;
    expect(video).toMatchObject({
      author_id: ann,
      upload_id: id,
      state: "uploaded",
      duration_ms: 8000,
      size_bytes: "10",
    });
    expect(await users(source)).toEqual([video.id]);
    expect(await remaining("process")).toEqual([video.id]);
  });

  test("again, and many times at once, is the same video", async () => {
    const id = await upload();
    const videos = await Promise.all(Array.from({ length: 8 }, () => publish(id)));
    expect(new Set(videos.map((video) => video?.id)).size).toBe(1);
    expect((await publish(id))?.id).toBe(videos[0]!.id);
    expect(await remaining("process")).toHaveLength(1);
  });

  test("an upload of another person, or none, gives nothing", async () => {
    const id = await upload();
    expect(await publish(id, "2" as UserId)).toBeUndefined();
    expect(await publish("99" as UploadId)).toBeUndefined();
    expect(await remaining("process")).toEqual([]);
  });

  test("is shown, counted and told of once it is finished, and only while it is processing", async () => {
    const id = await processing();
    expect(await finish(id)).toBe(true);
    expect(await finish(id)).toBe(false);
    expect(await works()).toBe(1);
    expect(await store.videosById([id])).toMatchObject([
      { state: "published", progress: 1, play_key: source },
    ]);
    expect(await store.listPublished(undefined, 5)).toMatchObject([{ id }]);
    expect(await store.startProcessing(id)).toBeUndefined();
    expect(await remaining("process")).toEqual([]);
    const { rows } = await own.database.pool.query("select count(*)::int as n from events.log");
    expect(rows).toEqual([{ n: 1 }]);
  });

  test("a worker that lost its job publishes nothing", async () => {
    const id = await processing();
    const lost = { ...jobOf("process", id), finish: () => Promise.reject(new Error("taken over")) };
    await expect(store.finish(id, published, lost, jobs)).rejects.toThrow("taken over");
    expect(await store.videosById([id])).toMatchObject([{ state: "processing" }]);
    expect([await works(), await users(source)]).toEqual([0, [id]]);
  });

  test("a failure keeps its reason and releases every blob; a published video cannot fail", async () => {
    const id = await processing();
    await store.claimBlob("cover/a.jpg", id);
    await store.fail(id, { reason: "VIDEO_DAMAGED", message: "Broken." }, jobs);
    expect(await store.videosById([id])).toMatchObject([
      { state: "failed", failure_reason: "VIDEO_DAMAGED" },
    ]);
    expect(await remaining("remove-blob")).toEqual(["cover/a.jpg", source]);
    expect(await finish(id)).toBe(false);

    const good = await processing();
    await finish(good);
    await store.fail(good, { reason: "TOO_LATE", message: "" }, jobs);
    expect(await store.videosById([good])).toMatchObject([{ state: "published" }]);
  });
});

describe("a draft", () => {
  const later = () => Date.now() + 3_600_000;
  const ring = (id: VideoId, publishAtMs: number) =>
    publishAtTime(own.db, own.events).run(jobOf("publish-at", `${id} ${publishAtMs}`));
  const state = async (id: VideoId) => (await store.videosById([id]))[0]!.state;
  const change = (id: VideoId, what: object) => store.updateVideo(id, ann, { mentions: {}, ...what }, jobs);
  async function draft(): Promise<VideoId> {
    const id = await processing();
    await change(id, { draft: true });
    return id;
  }

  test("is neither published nor counted nor told of when it is made, and is when its author says so", async () => {
    const id = await draft();
    await finish(id);
    const told = async () => (await own.database.pool.query("select type from events.log")).rows.length;
    expect([await state(id), await works(), await told()]).toEqual(["ready", 0, 0]);
    await store.fail(id, { reason: "TOO_LATE", message: "" }, jobs);
    expect(await state(id)).toBe("ready");
    await change(id, { draft: false, publish_at_ms: null });
    await change(id, { draft: false, publish_at_ms: null });
    expect([await state(id), await works(), await told()]).toEqual(["published", 1, 1]);
    await expect(change(id, { draft: true })).rejects.toMatchObject({ reason: "ALREADY_PUBLISHED" });
  });

  test("is published by the job of its time alone, once", async () => {
    const id = await draft();
    await finish(id);
    const [first, second] = [later(), later() + 60_000];
    await change(id, { publish_at_ms: first });
    await change(id, { publish_at_ms: second });
    expect(await remaining("publish-at")).toEqual([`${id} ${first}`, `${id} ${second}`]);
    await ring(id, first);
    expect(await state(id)).toBe("ready");
    await ring(id, second);
    await ring(id, second);
    expect([await state(id), await works()]).toEqual(["published", 1]);
    expect(await remaining("publish-at")).toEqual([]);
  });

  test("whose time came while it was being made is published at its end", async () => {
    const id = await draft();
    await change(id, { publish_at_ms: 1 });
    await ring(id, 1);
    expect(await state(id)).toBe("processing");
    await finish(id);
    expect(await state(id)).toBe("published");
  });

  test("whose time comes while its pipeline is just ending is published", async () => {
    const id = await draft();
    const at = later();
    await change(id, { publish_at_ms: at });
    const end = `update video.video set state = 'ready' where id = ${id}`;
    const outcome = await heldUp(
      own.database.pool,
      end,
      () => ring(id, at),
      async () => {},
    );
    expect([outcome, await state(id)]).toEqual([undefined, "published"]);
  });

  test("takes its time with it when it is deleted", async () => {
    const id = await draft();
    await change(id, { publish_at_ms: later() });
    expect(await store.deleteVideo(id, ann, jobs)).toBe(true);
    expect(await remaining("publish-at")).toEqual([]);
  });
});

describe("the pictures of a post", () => {
  const info = { width: 100, height: 200, picture: "png", stream: 0, durationMs: 0 } as never;
  const made = (key: string): StoredPicture => ({
    ...{ alt: key, width: 100, height: 200, thumbHash: key },
    sizes: [{ key: `post/${key}.jpg`, width: 100, height: 200 }],
    bytes: { original: 10, shown: 3 },
  });
  async function post(pictures: StoredPicture[]): Promise<VideoId> {
    const uploads = pictures.map(async () => {
      const id = newId() as UploadId;
      await store.addUpload({ id, ownerId: ann, sourceKey: source, sizeBytes: 10, info });
      return { uploadId: id, alt: "" };
    });
    const said = {
      title: "",
      description: "",
      mentions: {},
      visibility: "public",
      download_allowed: true,
    } as const;
    const wanted = { id: newId() as VideoId, authorId: ann, ...said, pictures: await Promise.all(uploads) };
    await picturePostStore(own.db).publish(wanted, jobs);
    return wanted.id;
  }
  async function make(id: VideoId, pictures: StoredPicture[]): Promise<void> {
    await store.startProcessing(id);
    for (const { sizes } of pictures) for (const { key } of sizes) await store.claimBlob(key, id);
    const shown = { ...published, pictures, playKey: "", coverKey: pictures[0]!.sizes[0]!.key };
    await store.finish(id, { ...shown, sizeBytes: 3 * pictures.length }, jobOf("pictures", id), jobs);
  }
  const keep = (id: VideoId, ...numbers: number[]) =>
    store.updateVideo(id, ann, { mentions: {}, kept: numbers.map((number) => ({ number })) }, jobs);
  const row = (id: VideoId) =>
    own.db.selectFrom("video").selectAll().where("id", "=", id).executeTakeFirstOrThrow();

  test("are changed once they are made; what is removed is released, tells so and counts no longer", async () => {
    const pictures = ["a", "b", "a"].map(made);
    const id = await post(pictures);
    await expect(keep(id, 1)).rejects.toMatchObject({ reason: "PICTURES_NOT_MADE" });
    await make(id, pictures);
    const told = async () =>
      (await own.database.pool.query("select from events.log where type = 'video.retitled.v1'")).rows.length;
    expect([(await row(id)).size_bytes, (await row(id)).original_bytes, await told()]).toEqual([
      "9",
      "30",
      0,
    ]);
    await keep(id, 1, 2, 3);
    expect([await told(), (await row(id)).edited_at]).toEqual([0, null]);

    await keep(id, 2, 3);
    // The other one shows the same.
    expect([await users("post/a.jpg"), await remaining("remove-blob")]).toEqual([[id], [source]]);
    await keep(id, 2);
    expect([await users("post/a.jpg"), await remaining("remove-blob")]).toEqual([[], ["post/a.jpg", source]]);
    expect(await row(id)).toMatchObject({
      ...{ pictures: [{ number: 2, alt: "b" }], cover_key: "post/b.jpg", thumb_hash: "b" },
      ...{ size_bytes: "3", original_bytes: "10" },
    });
    expect(await told()).toBe(2);
    for (const numbers of [[1], [2, 4]])
      await expect(keep(id, ...numbers)).rejects.toMatchObject({ reason: "INVALID_ARGUMENT" });
  });

  test("of a release before have no numbers and sizes: their places are their numbers, and they count alike", async () => {
    const bare = ["a", "b", "c"].map(made).map(({ bytes: _, ...picture }) => picture);
    // The last one was sent later, while processes of both releases ran.
    const pictures = [...bare, { ...made("d"), bytes: { original: 4, shown: 1 } }];
    const id = await post(pictures);
    await make(id, pictures);
    const bytes = async () => {
      const { size_bytes, original_bytes } = await row(id);
      return [Number(original_bytes), Number(size_bytes)];
    };
    expect(await bytes()).toEqual([40, 12]);
    // 36 and 11 are those of three.
    await keep(id, 2, 3, 4);
    expect(await bytes()).toEqual([28, 9]);
    await keep(id, 2, 3);
    expect(await bytes()).toEqual([24, 8]);
    await keep(id, 3);
    expect(await row(id)).toMatchObject({
      ...{ pictures: [{ number: 3, alt: "c" }], original_bytes: "12", size_bytes: "4" },
    });
  });
});

describe("counts", () => {
  test("are exact while many finish, fail and delete at once", async () => {
    const ids = await Promise.all(Array.from({ length: 24 }, () => processing()));
    await Promise.all(
      ids.map(async (id, i) => {
        if (i % 3 === 0) return finish(id);
        if (i % 3 === 1) return Promise.all([finish(id), store.deleteVideo(id, ann, jobs)]);
        await finish(id);
        return Promise.all([store.deleteVideo(id, ann, jobs), store.deleteVideo(id, ann, jobs)]);
      }),
    );
    const { rows } = await own.database.pool.query(
      "select count(*)::int as n from video.video where state = 'published'",
    );
    expect(rows[0].n).toBe(8);
    expect(await works()).toBe(8);
    expect(await users(source)).toHaveLength(8);
  });

  test("somebody else deletes nothing", async () => {
    const id = await processing();
    await finish(id);
    expect(await store.deleteVideo(id, "2" as UserId, jobs)).toBe(false);
    expect([await works(), await works("2" as UserId)]).toEqual([1, 0]);
  });

  test("finishing and deleting never deadlock", async () => {
    const id = await processing();
    const { open, opened } = gate();
    // It has the video by then.
    const began = gate();
    const slow = {
      ...jobOf("process", id),
      finish() {
        began.open();
        return opened;
      },
    };
    const finishing = store.finish(id, published, slow, jobs);
    await began.opened;
    const deleting = store.deleteVideo(id, ann, jobs);
    await somebodyWaits();
    open();
    expect(await finishing).toBe(true);
    expect(await deleting).toBe(true);
    expect(await works()).toBe(0);
  });
});

test("an upload that deadlocks is retried and accepted", async () => {
  await upload();
  const [gate, other] = await Promise.all([1, 2].map(() => own.database.pool.connect()));
  try {
    // The last one to wait is rolled back: the upload, for the other's use of the blob.
    const key = "video/other.mp4";
    await gate!.query(`begin; select pg_advisory_xact_lock(hashtextextended('${key}', 0))`);
    await other!.query(
      `set deadlock_timeout = '1h'; begin; insert into video.blob_use values ('${key}', ${lastId + 1})`,
    );
    const late = upload(key);
    late.catch(() => {});
    await waiting(own.database.pool, 1);
    const author = other!.query("update video.author_stats set works = works where author_id = 1");
    await waiting(own.database.pool, 2);
    await gate!.query("commit");
    await author;
    await other!.query("rollback");
    await late;
  } finally {
    for (const client of [gate, other]) client!.release(true);
  }
  expect(await own.db.selectFrom("upload").selectAll().execute()).toHaveLength(2);
});

describe("blobs", () => {
  test("a blob is removed when its last user has released it, and its job with it", async () => {
    const removed: string[] = [];
    const gone = (key: string) => remove(key, async () => void removed.push(key));
    const [first, second] = [await processing(), await processing()];
    await store.deleteVideo(first, ann, jobs);
    await gone(source);
    expect([removed, await remaining("remove-blob")]).toEqual([[], []]);
    await store.deleteVideo(second, ann, jobs);
    await gone(source);
    expect([removed, await remaining("remove-blob")]).toEqual([[source], []]);
  });

  test("blobs that a finished video keeps are still used, the rest are not", async () => {
    const id = await processing();
    await store.claimBlob("video/rendition.mp4", id);
    await finish(id, "video/rendition.mp4");
    expect(await users("video/rendition.mp4")).toEqual([id]);
    expect(await remaining("remove-blob")).toEqual([source]);
  });

  test("nobody begins to use a blob while it is being removed", async () => {
    const { open, opened } = gate();
    const order: string[] = [];
    const began = gate();
    const removing = remove(source, async () => {
      began.open();
      await opened;
      order.push("removed");
    });
    await began.opened;
    const uploading = upload().then(() => order.push("held"));
    await somebodyWaits();
    open();
    await Promise.all([removing, uploading]);
    expect(order).toEqual(["removed", "held"]);
  });

  test("a release during the check causes another check", async () => {
    const id = await processing();
    const { open, opened } = gate();
    const began = gate();
    await jobs.add(own.db, "remove-blob", source);
    // The check, while the blob is still used.
    const looking = store.removeUnusedBlob(
      {
        key: source,
        async finish(transaction) {
          began.open();
          await opened;
          await jobOf("remove-blob", source).finish(transaction);
        },
      },
      () => expect.unreachable(),
    );
    await began.opened;
    const deleting = store.deleteVideo(id, ann, jobs);
    await somebodyWaits();
    open();
    await Promise.all([looking, deleting]);
    expect(await remaining("remove-blob")).toEqual([source]);
  });

  test("a video deleted meanwhile claims nothing, and what was put in place for it is removed", async () => {
    const id = await processing();
    expect(await store.claimBlob("cover/a.jpg", id)).toBe(true);
    expect(await store.keepsBlob("cover/a.jpg", jobs, id)).toBe(true);
    await store.deleteVideo(id, ann, jobs);
    // The job that the deletion added found no file yet.
    await own.database.pool.query("delete from video.job where kind = 'remove-blob'");
    expect(await store.keepsBlob("cover/a.jpg", jobs, id)).toBe(false);
    expect(await remaining("remove-blob")).toEqual(["cover/a.jpg"]);
    expect(await store.claimBlob("cover/b.jpg", id)).toBe(false);
    expect([await users("cover/a.jpg"), await users("cover/b.jpg")]).toEqual([[], []]);
  });

  test("a cover is shown only while its video uses the file, and the one before is let go of", async () => {
    const id = await processing();
    await store.claimBlob("cover/a.jpg", id);
    await finish(id);
    const show = (key: string) => store.updateVideo(id, ann, { mentions: {} }, jobs, { key, thumbHash: "" });
    await expect(show("cover/b.jpg")).rejects.toMatchObject({ reason: "BUSY" });
    expect(await users("cover/a.jpg")).toEqual([id]);
    await store.claimBlob("cover/b.jpg", id);
    expect(await show("cover/b.jpg")).toBe(true);
    const release = async (key: string) =>
      store.releaseUnshown({ key: await store.releaseUnlessShown(key, id, jobs) }, jobs);
    await release("cover/b.jpg");
    expect([await users("cover/a.jpg"), await users("cover/b.jpg")]).toEqual([[], [id]]);
    await store.claimBlob("cover/c.jpg", id);
    await release("cover/c.jpg");
    expect(await users("cover/c.jpg")).toEqual([]);
    expect(await remaining("remove-blob")).toEqual(["cover/a.jpg", "cover/c.jpg"]);
    expect(await remaining("release-unshown")).toEqual([]);
  });

  test("concurrent releases of the same blobs do not deadlock", async () => {
    const keys = ["video/a.mp4", "video/b.mp4", "video/c.mp4", "video/d.mp4"];
    const ids = await Promise.all(
      Array.from({ length: 12 }, async (_, i) => {
        const id = await processing(keys[i % 4]);
        for (const key of i % 2 ? keys : [...keys].reverse()) await store.claimBlob(key, id);
        return id;
      }),
    );
    await Promise.all(ids.map((id) => store.deleteVideo(id, ann, jobs)));
    expect(await remaining("remove-blob")).toEqual(keys);
  });
});

test("old unpublished uploads are removed with their blobs", async () => {
  const [old, young, published] = [
    await upload("video/old.mp4"),
    await upload("video/young.mp4"),
    await upload(),
  ];
  await own.database.pool.query(
    `update video.upload set created_at = now() - interval '25 h' where id in (${old}, ${published})`,
  );
  await publish(published);
  expect(await store.dropUploads(24 * 3_600_000, jobs)).toBe(1);
  expect(await remaining("remove-blob")).toEqual(["video/old.mp4"]);
  expect(await users("video/young.mp4")).toEqual([young]);
  expect(await publish(old)).toBeUndefined();
  expect(await publish(young)).toBeDefined();
});

test("lists are newest first and as long as asked", async () => {
  const ids: VideoId[] = [];
  for (let i = 0; i < 4; i++) ids.push(await processing());
  for (const id of ids.slice(0, 3)) await finish(id);
  await own.database.pool.query("update video.video set published_ms = 1000 where state = 'published'");
  const newest = ids.slice(0, 3).reverse();
  const idsOf = (rows: { id: string }[]) => rows.map(({ id }) => id);
  expect(idsOf(await store.listPublished(undefined, 10))).toEqual(newest);
  expect(idsOf(await store.listPublished({ ms: 1000, id: newest[1]! }, 10))).toEqual([newest[2]]);
  expect(await store.listPublished({ ms: 1000, id: "0" }, 10)).toEqual([]);
  const list = (more: object) => store.listByAuthor(ann, { limit: 10, everyState: false, ...more });
  expect(idsOf(await list({}))).toEqual(newest);
  expect(idsOf(await list({ everyState: true }))).toEqual([ids[3], ...newest]);
  for (const publishedMs of [1000, undefined])
    expect(idsOf(await list({ before: { id: newest[0], publishedMs }, limit: 1 }))).toEqual([newest[1]]);
});

test("an author's list has first what is not published, then by the time of publication; its pages leave nothing out", async () => {
  const ids: VideoId[] = [];
  for (let i = 0; i < 5; i++) ids.push(await processing());
  // The oldest is still worked on; of the others the first was published last.
  for (const [i, id] of ids.slice(1).entries()) {
    await finish(id);
    await own.database.pool.query("update video.video set published_ms = $1 where id = $2", [9000 - i, id]);
  }
  const page = (before?: { id: string; publishedMs: number }) =>
    store.listByAuthor(ann, { limit: 1, everyState: true, ...(before && { before }) });
  const seen: string[] = [];
  let before: { id: string; publishedMs: number } | undefined;
  for (;;) {
    const [row] = await page(before);
    if (!row) break;
    seen.push(row.id);
    before = { id: row.id, publishedMs: Number(row.published_ms ?? 0) };
    // It is published while one reads: it may come again, and nothing is left out for that.
    if (seen.length === 1) await finish(ids[0]!);
  }
  expect(seen).toEqual([ids[0], ids[0], ...ids.slice(1)]);
});
