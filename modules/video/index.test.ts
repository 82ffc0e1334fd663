import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { buffer } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { LadderState, Reach, VideoService, VideoState, Visibility } from "#contracts/gen/video_pb.ts";
import { type BlobStore, blobKey } from "#platform/blob/blob-store.ts";
import { diskBlobStore } from "#platform/blob/disk-blob-store.ts";
import { embeddedCaches } from "#platform/cache/embedded-caches.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { refusal } from "#platform/errors/reasons.ts";
import { createSnowflake } from "#platform/ids/snowflake.ts";
import { localIssuerKeys } from "#platform/keys/issuer-keys.ts";
import { bundleMediaWorker } from "#platform/media/bundle-worker.ts";
import { findMediaTool } from "#platform/media/find-media-tool.ts";
import type { MediaTool } from "#platform/media/media-tool.ts";
import { createLog } from "#platform/observe/log.ts";
import { createMetrics } from "#platform/observe/metrics.ts";
import { localPresence } from "#platform/presence/presence-memory.ts";
import { embeddedProtection } from "#platform/protect/embedded-protection.ts";
import type { Call } from "#platform/rpc/call.ts";
import { directClient } from "#platform/rpc/direct-link.ts";
import type { Client } from "#platform/rpc/service.ts";
import { createSecurityLog } from "#platform/security/security-log.ts";
import { localSignals } from "#platform/signals/signals.ts";
import { fixedSettings } from "#platform/testing/fixed-settings.ts";
import { heldUp, waiting } from "#platform/testing/held-up.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { patienceMs } from "#platform/testing/patience.ts";
import { type VideoConfig, videoModule } from "./index.ts";
import { migrations } from "./migrations.ts";
import type { Tables } from "./tables.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const worker = join(root, "build", "test", `video-media-worker-${process.pid}.js`);
const clip = (name: string) => join(root, "platform/media/testdata", name);
const vertical = clip("upright-8s.mp4");
/** Where any video will do: its pictures are soon decoded. */
const small = clip("upright-2s.mp4");
const landscape = clip("rgb-silent.webm");

let media: MediaTool;
let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let dir: string;
let blobs: BlobStore;
let video: Client<typeof VideoService>;
let stop: () => Promise<void>;

beforeAll(async () => {
  await bundleMediaWorker(worker);
  media = await findMediaTool({ workerPath: worker });
});
afterAll(() => rm(worker, { force: true }));
beforeEach(async () => {
  own = await createModuleDatabase<Tables>("video", "1", migrations);
  dir = await mkdtemp(join(tmpdir(), "douya-video-"));
  blobs = await diskBlobStore(dir);
  await start(media);
});
afterEach(async () => {
  await stop();
  await own.drop();
  await rm(dir, { recursive: true, force: true });
});

async function start(media: MediaTool, config: Partial<VideoConfig> = {}): Promise<void> {
  const metrics = createMetrics();
  const swept = vi.isMockFunction(blobs.sweepStaged) ? undefined : vi.spyOn(blobs, "sweepStaged");
  const running = await videoModule.start({
    config: {
      workers: 1,
      rungShortSidesPx: [],
      loudnessLufs: -14,
      keepSources: "auto",
      maxProcessingMs: 1_200_000,
      maxUnpublishedBytes: 1e9,
      quotaBytes: 0,
      ...config,
    },
    db: own.db,
    clients: {
      relation: { getStandings: () => Promise.reject(new Error("nothing here is for friends")) },
      user: { findUsers: () => Promise.reject(new Error("nobody is mentioned here")) },
    },
    outage: () => undefined,
    jobs: own.jobs,
    ids: createSnowflake({ node: 1, floorMs: 0, nowMs: Date.now }),
    events: own.events,
    blobs,
    media,
    caches: embeddedCaches(metrics),
    protect: embeddedProtection({ limits: true, metrics }),
    signals: localSignals(),
    presence: localPresence(),
    issuerKeys: localIssuerKeys(),
    settings: fixedSettings(),
    metrics,
    security: createSecurityLog(own.database.of("security"), createLog("silent")),
    log: createLog("silent"),
  });
  stop = async () => running.stop?.();
  video = directClient(VideoService, running.handlers, metrics.rpc);
  // Its first sweep takes locks that tests look at. This is the last step of it.
  if (swept) await expect.poll(() => swept.mock.settledResults.length).toBe(1);
  swept?.mockRestore();
}

const as = (callerId?: string): Call => ({
  callerId,
  traceId: "0".repeat(32),
  deadlineMs: Date.now() + patienceMs,
});
const ann = "1";
async function send(source: Readable, callerId = ann, address = "") {
  const staged = await blobs.receive(source, { maxBytes: 1e9 });
  const { name, sha256, sizeBytes } = staged;
  return video.addUpload({ staged: name, sha256, sizeBytes, address }, as(callerId));
}
async function publish(path: string, title = "") {
  const upload = await send(createReadStream(path));
  return video.publish({ uploadId: upload.id, title }, as(ann));
}
const get = async (id: string, callerId?: string) =>
  (await video.getVideos({ ids: [id] }, as(callerId))).videos[0];
const ended = (id: string) =>
  expect
    .poll(async () => (await get(id, ann))?.state, { interval: 50 })
    .toBeOneOf([VideoState.PUBLISHED, VideoState.FAILED]);
/** Nobody works on it before `make`, however late one looks at it. */
async function publishUnmade(path: string) {
  await stop();
  await start(media, { workers: 0 });
  return publish(path);
}
async function make(id: string): Promise<void> {
  await stop();
  await start(media);
  await ended(id);
}
async function files(): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => entry.name.replace(/^.*\./, ""));
}
const filesAre = (extensions: string[]) =>
  expect.poll(async () => (await files()).sort()).toEqual(extensions);
const jobs = async () => (await own.db.selectFrom("job").selectAll().execute()).length;

test("a phone's video is published as it is, with a cover and nothing else", async () => {
  const made = await publish(vertical, "  Leaves 🍂 ");
  expect(made).toMatchObject({ title: "Leaves 🍂", state: VideoState.UPLOADED, width: 720, height: 1280 });
  await ended(made.id);
  const seen = (await get(made.id))!;
  expect(seen).toMatchObject({ state: VideoState.PUBLISHED, progress: 1, authorId: ann });
  expect(await blobs.size(seen.playKey)).toBe(seen.sizeBytes);
  expect(await blobs.size(seen.coverKey)).toBeGreaterThan(1000);
  expect(Math.abs(seen.publishedAtMs - Date.now())).toBeLessThan(60_000);
  await filesAre(["jpg", "mp4"]);
  await expect.poll(jobs).toBe(0);
  expect((await video.getAuthorStats({ authorIds: ["7", ann] }, as())).stats).toMatchObject([
    { works: 0 },
    { works: 1 },
  ]);

  await video.deleteVideo({ id: made.id }, as(ann));
  await filesAre([]);
  expect(await get(made.id, ann)).toBeUndefined();
});

test("what phones cannot play is made playable, and the source is kept", async () => {
  const made = await publish(landscape);
  await ended(made.id);
  const seen = (await get(made.id))!;
  expect(seen.state).toBe(VideoState.PUBLISHED);
  expect(seen.playKey).toMatch(/^video\/.*\.mp4$/);
  const info = await blobs.withFile({ key: seen.playKey }, (path) => media.probe(path));
  expect(info).toMatchObject({ container: "mp4", videoCodec: "h264" });
  await filesAre(["bin", "jpg", "mp4"]);
});

test("a recording that was cut off is published up to where it is whole, and only its author is told", async () => {
  const made = await publish(clip("field/fragmented-cut-in-last-fragment.mp4"));
  await ended(made.id);
  const seen = (await get(made.id, ann))!;
  expect(seen).toMatchObject({ state: VideoState.PUBLISHED, notices: ["VIDEO_CUT_OFF"] });
  expect((await get(made.id, "2"))!.notices).toEqual([]);
  // The reported duration is that of the playable file.
  const info = await blobs.withFile({ key: seen.playKey }, (path) => media.probe(path));
  expect(Math.abs(seen.durationMs - info.durationMs)).toBeLessThan(25);
  expect(seen.durationMs).toBeLessThan(2200);
});

test("the same file from two people is stored once, and stays until both have deleted it", async () => {
  const first = await publish(small);
  const second = await video.publish(
    { uploadId: (await send(createReadStream(small), "2")).id, title: "" },
    as("2"),
  );
  await ended(first.id);
  await expect.poll(async () => (await get(second.id))?.state).toBe(VideoState.PUBLISHED);
  await filesAre(["jpg", "mp4"]);
  await video.deleteVideo({ id: first.id }, as(ann));
  await expect.poll(jobs).toBe(0);
  const kept = (await get(second.id))!;
  expect(await blobs.size(kept.playKey)).toBeGreaterThan(0);
  await video.deleteVideo({ id: second.id }, as("2"));
  await filesAre([]);
});

describe("a file that turns out bad", () => {
  test("at the upload leaves nothing", async () => {
    await expect(send(Readable.from([Buffer.from("no video at all")]))).rejects.toMatchObject({
      kind: "invalid",
      reason: "NOT_A_VIDEO",
    });
    expect(await files()).toEqual([]);
  });

  test("in the pipeline fails with the reason, and no blob is left", async () => {
    const upload = await send(createReadStream(landscape));
    // Damaged on the disk after the probe.
    const { source_key } = await own.db.selectFrom("upload").select("source_key").executeTakeFirstOrThrow();
    await blobs.remove(source_key);
    const rotten = await blobs.receive(Readable.from([Buffer.alloc(50_000, 7)]), { maxBytes: 1e9 });
    await blobs.commit(rotten.name, source_key);
    const made = await video.publish({ uploadId: upload.id, title: "" }, as(ann));
    await ended(made.id);
    const failed = (await get(made.id, ann))!;
    expect(failed).toMatchObject({ state: VideoState.FAILED, failureReason: "VIDEO_DAMAGED", playKey: "" });
    expect(failed.failureMessage).not.toBe("");
    await filesAre([]);
    await expect.poll(jobs).toBe(0);
    expect(await get(made.id, "2")).toBeUndefined();
  });
});

test("deleted while it is being processed: the work stops and nothing is left", async () => {
  await stop();
  let begun!: () => void;
  const processing = new Promise<void>((resolve) => {
    begun = resolve;
  });
  let deleted!: () => void;
  const gone = new Promise<void>((resolve) => {
    deleted = resolve;
  });
  // The real tool, held once the cover exists.
  await start({
    ...media,
    name: media.name,
    async rendition(...parameters) {
      begun();
      await gone;
      return media.rendition(...parameters);
    },
  });
  const made = await publish(landscape);
  await processing;
  expect((await get(made.id, ann))?.state).toBe(VideoState.PROCESSING);
  expect(await get(made.id, "2")).toBeUndefined();
  await video.deleteVideo({ id: made.id }, as(ann));
  deleted();
  await filesAre([]);
  await expect.poll(jobs).toBe(0);
});

test("a stop in the middle gives the work back; the next start finishes it", async () => {
  await stop();
  let begun!: () => void;
  const processing = new Promise<void>((resolve) => {
    begun = resolve;
  });
  await start({
    ...media,
    name: media.name,
    rendition(...parameters) {
      begun();
      return media.rendition(...parameters);
    },
  });
  const made = await publish(landscape);
  await processing;
  await stop();
  await start(media);
  await ended(made.id);
  expect((await get(made.id))?.state).toBe(VideoState.PUBLISHED);
  await filesAre(["bin", "jpg", "mp4"]);
});

test("its author is told since when, why a try failed and when the next one is; nobody else is", async () => {
  await stop();
  let full = true;
  let go!: () => void;
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  const tool: MediaTool = {
    ...media,
    name: media.name,
    async rendition(input, output, info, options) {
      // It is snoozed, for longer than this takes to see.
      if (full) throw refusal("DISK_FULL");
      const made = await media.rendition(input, output, info, { ...options, onProgress() {} });
      options.onProgress?.(0.5);
      await held;
      return made;
    },
  };
  await start(tool);
  const begunMs = Date.now();
  const { id } = await publish(landscape);
  const step = async () => (await get(id, ann))!.processing;
  await expect.poll(async () => (await step())?.failureReason).toBe("DISK_FULL");
  const failed = (await get(id, ann))!;
  expect(failed).toMatchObject({ state: VideoState.UPLOADED, progress: 0, processing: { progress: 0 } });
  expect(failed.processing!.sinceMs).toBeGreaterThan(begunMs - 1000);
  expect(failed.processing!.nextTryAtMs).toBeGreaterThan(failed.processing!.sinceMs);

  await stop();
  full = false;
  await own.db
    .updateTable("job")
    .set({ run_at: new Date(0) })
    .execute();
  await start(tool);
  await expect.poll(async () => (await step())?.progress).toBe(0.5);
  const working = (await step())!;
  expect(working).toMatchObject({ failureReason: "", nextTryAtMs: 0 });
  // As long again as it took for the first half.
  expect(working.endsAtMs).toBeGreaterThanOrEqual(working.sinceMs);
  go();
  await ended(id);
  expect(await step()).toMatchObject({ progress: 0, endsAtMs: 0, failureReason: "" });
  expect((await get(id, "2"))!.processing).toBeUndefined();
});

describe("the rungs of a published video", () => {
  const ladder = async (id: string) => (await get(id))?.ladder;
  const improvements = async () => {
    const { rows } = await own.database.pool.query("select from events.log where type = 'video.improved.v1'");
    return rows.length;
  };

  test("are made one video after the other, and a first publication waits for none of them", async () => {
    await stop();
    const begun: string[] = [];
    let go!: () => void;
    const held = new Promise<void>((resolve) => {
      go = resolve;
    });
    await start(
      {
        ...media,
        name: media.name,
        async ladder(...parameters) {
          begun.push(parameters[0]);
          await held;
          return media.ladder(...parameters);
        },
      },
      { rungShortSidesPx: [90] },
    );
    const first = await publish(small);
    await expect.poll(() => begun.length).toBe(1);
    const second = await publish(landscape);
    await ended(second.id);
    expect(await ladder(first.id)).toBe(LadderState.RUNNING);
    expect(await ladder(second.id)).toBe(LadderState.WAITING);
    expect(begun).toHaveLength(1);
    go();
    for (const { id } of [first, second]) await expect.poll(() => ladder(id)).toBe(LadderState.DONE);
    expect((await get(second.id))!.renditions).toMatchObject([{ shortSide: 90, width: 160, height: 90 }]);
    // The second's are made of its source, which is kept.
    await filesAre(["bin", ...Array(4).fill("jpg"), ...Array(4).fill("mp4")]);
    expect(await improvements()).toBe(2);
    for (const { id } of [first, second]) await video.deleteVideo({ id }, as(ann));
    await filesAre([]);
  });

  test.each([
    ["on", 2],
    ["off", 0],
  ] as const)("files that were sent stay or go once both are made of them: %s", async (keepSources, kept) => {
    await stop();
    await start(media, { rungShortSidesPx: [90], keepSources });
    const published = [await publish(small), await publish(landscape)];
    for (const { id } of published) await expect.poll(() => ladder(id)).toBe(LadderState.DONE);
    await filesAre([...Array(kept).fill("bin"), ...Array(4).fill("jpg"), ...Array(4).fill("mp4")]);
    await stop();
    await start(media, { keepSources });
    const { id } = await publish(landscape);
    await ended(id);
    for (const one of [...published, { id }]) await video.deleteVideo({ id: one.id }, as(ann));
    await filesAre([]);
  });

  test("appear all at once; a try that died after its first file leaves nothing", async () => {
    await stop();
    let tries = 0;
    const adopt = blobs.adopt;
    let dying = false;
    let adopted = 0;
    vi.spyOn(blobs, "adopt").mockImplementation((...parameters) => {
      if (dying && ++adopted === 2) throw new Error("died");
      return adopt(...parameters);
    });
    await start(
      {
        ...media,
        name: media.name,
        async ladder(input, rungs, info, options) {
          dying = ++tries === 1;
          // Other content than the next one will have.
          const made = dying ? rungs.map((rung) => ({ ...rung, shortSidePx: rung.shortSidePx / 2 })) : rungs;
          return media.ladder(input, made, info, options);
        },
      },
      { rungShortSidesPx: [90, 180] },
    );
    const made = await publish(small);
    await expect.poll(() => tries).toBe(2);
    expect(adopted).toBe(2);
    await expect.poll(() => ladder(made.id)).toBe(LadderState.DONE);
    await filesAre(["jpg", "jpg", "mp4", "mp4", "mp4"]);
    expect(await improvements()).toBe(1);
    const { renditions } = await video.getRenditions({ videoId: made.id }, as());
    expect(renditions.map(({ shortSide, width }) => [shortSide, width])).toEqual([
      [90, 90],
      [180, 180],
    ]);
  });

  test("are those that can be made; one that cannot leaves the others and the video", async () => {
    await stop();
    await start(
      {
        ...media,
        name: media.name,
        async ladder(input, rungs, info, options) {
          if (rungs.some(({ shortSidePx }) => shortSidePx === 180)) throw refusal("VIDEO_DAMAGED");
          return media.ladder(input, rungs, info, options);
        },
      },
      { rungShortSidesPx: [90, 180] },
    );
    const made = await publish(small);
    await ended(made.id);
    await expect.poll(() => ladder(made.id)).toBe(LadderState.FAILED);
    const seen = (await get(made.id))!;
    expect(seen).toMatchObject({
      state: VideoState.PUBLISHED,
      ladderRungs: 2,
      renditions: [{ shortSide: 90 }],
    });
    expect((await get(made.id, ann))!.improving).toMatchObject({
      sinceMs: expect.closeTo(Date.now(), -6),
      failureReason: "RENDITIONS_FAILED",
      nextTryAtMs: 0,
    });
    await filesAre(["jpg", "jpg", "mp4", "mp4"]);
    await expect.poll(jobs).toBe(0);
  });

  test("replaced by others, they stay for an hour for those who play them, and no longer", async () => {
    await stop();
    await start(media, { rungShortSidesPx: [90] });
    const made = await publish(vertical);
    await expect.poll(() => ladder(made.id)).toBe(LadderState.DONE);
    const shown = async () => {
      const { renditions, storyboard } = await video.getRenditions({ videoId: made.id }, as());
      return [...renditions.map(({ key }) => key), storyboard!.key];
    };
    const before = await shown();
    const forWhom = async (keys: string[], who: ReturnType<typeof as>) =>
      new Set((await video.findShownBlobs({ videoId: made.id, keys }, who)).keys);
    // Made anew, as by `douya media backfill`.
    await stop();
    await start(media, { rungShortSidesPx: [180] });
    const again = async () => {
      await own.database.pool.query("update video.video set ladder = 'waiting'");
      await own.database.pool.query("insert into video.job (kind, key) values ('ladder', $1)", [made.id]);
      await stop();
      await start(media, { rungShortSidesPx: [180] });
      await expect.poll(() => ladder(made.id)).toBe(LadderState.DONE);
    };
    await again();
    const after = await shown();
    expect(after.filter((key) => before.includes(key))).toEqual([]);
    const open = async (keys: string[]) => (await video.findOpenBlobs({ keys }, as())).keys;
    expect(await open([...before, ...after])).toEqual([...before, ...after]);
    for (const key of before) expect(await blobs.size(key)).toBeGreaterThan(0);
    await video.updateVideo({ id: made.id, visibility: Visibility.PRIVATE }, as(ann));
    const all = [...before, ...after, (await get(made.id, ann))!.coverKey];
    expect(await forWhom([...all, `video/${"0".repeat(64)}.mp4`, "x"], as(ann))).toEqual(new Set(all));
    for (const other of [as(), as("2")]) {
      expect(await forWhom(all, other)).toEqual(new Set());
      await expect(video.getRenditions({ videoId: made.id, asCaller: true }, other)).rejects.toMatchObject({
        reason: "VIDEO_NOT_FOUND",
      });
    }
    await expect(video.getRenditions({ videoId: made.id }, as(ann))).rejects.toMatchObject({
      reason: "VIDEO_NOT_FOUND",
    });
    expect(
      (await video.getRenditions({ videoId: made.id, asCaller: true }, as(ann))).renditions,
    ).toHaveLength(1);
    await video.updateVideo({ id: made.id, visibility: Visibility.PUBLIC }, as(ann));
    // Once more with the same outcome: nothing is replaced, and what waits still does.
    await again();
    expect(await shown()).toEqual(after);
    expect(await open(before)).toEqual(before);

    await own.database.pool.query(
      "update video.job set run_at = now() where kind = 'release-replaced' and run_at > now() + interval '50 min'",
    );
    await stop();
    await start(media, { rungShortSidesPx: [180] });
    await expect.poll(() => open(before)).toEqual([]);
    expect(await open(after)).toEqual(after);
    await expect.poll(jobs).toBe(0);
    await filesAre(["jpg", "jpg", "mp4", "mp4"]);
    await video.deleteVideo({ id: made.id }, as(ann));
    await filesAre([]);
  });

  test("wait for room on the disk, without counting", async () => {
    await stop();
    await start(media, { rungShortSidesPx: [90] });
    const upload = await send(createReadStream(small));
    const room = vi.spyOn(blobs, "freeBytes").mockResolvedValue(1000);
    const made = await video.publish({ uploadId: upload.id, title: "" }, as(ann));
    await ended(made.id);
    const waiting = () => own.db.selectFrom("job").selectAll().executeTakeFirst();
    await expect.poll(async () => (await waiting())?.last_error).toMatch(/disk is full/);
    expect(await waiting()).toMatchObject({ attempts: 0, dead: false });
    await expect.poll(async () => (await get(made.id, ann))!.improving?.failureReason).toBe("DISK_FULL");
    expect((await get(made.id, ann))!.improving!.nextTryAtMs).toBe((await waiting())!.run_at.getTime());
    expect(await ladder(made.id)).toBe(LadderState.WAITING);
    room.mockRestore();
    await own.db
      .updateTable("job")
      .set({ run_at: new Date(0) })
      .execute();
    await expect.poll(() => ladder(made.id)).toBe(LadderState.DONE);
  });
});

describe("a worker in another process", () => {
  const lost = { kind: "conflict", reason: "MEDIA_JOB_LOST" };
  const kinds = ["process", "ladder"];
  const lease = async (worker: string) => (await video.leaseMediaJob({ worker, kinds }, as())).job;
  const deliver = async (of: { worker: string; jobId: string }, content: Buffer, namespace = "video") => {
    const piece = { ...of, sizeBytes: content.length };
    const half = Math.floor(content.length / 2);
    const write = (staged: string, at: number) => {
      const end = at === 0 ? half : content.length;
      return video.writeMediaFile({ ...piece, staged, at, content: content.subarray(at, end) }, as());
    };
    const { staged } = await write("", 0);
    await write(staged, half);
    // Its answer was lost, so it comes again.
    await write(staged, half);
    const sha256 = createHash("sha256").update(content).digest("hex");
    return (await video.placeMediaFile({ ...of, staged, namespace, sha256 }, as())).key;
  };
  const made = (playKey: string, coverKey: string) => ({
    made: {
      case: "published" as const,
      value: { playKey, coverKey, sizeBytes: 7, durationMs: 1, width: 2, height: 2 },
    },
  });

  test("that was slow and lost its lease delivers nothing any more; who took it over delivers once", async () => {
    await stop();
    await start(media, { workers: 0 });
    const content = await readFile(small);
    const { id } = await publish(small);
    const [slow, next] = [randomUUID(), randomUUID()];
    const job = (await lease(slow))!;
    expect(job).toMatchObject({ kind: "process", videoId: id, attempt: 1, inputBytes: content.length });
    expect(await lease(next)).toBeUndefined();
    const ofSlow = { worker: slow, jobId: job.id };
    const early = await deliver(ofSlow, Buffer.from("what the slow one has made"));
    // Time passes.
    await own.database.pool.query("update video.job set run_at = now() - interval '1 s'");
    expect(await lease(next)).toMatchObject({ id: job.id, attempt: 2 });
    const ofNext = { worker: next, jobId: job.id };

    expect((await video.keepMediaJobs({ worker: slow, jobs: [{ id: job.id }] }, as())).ids).toEqual([]);
    const read = { key: job.inputKey, from: 0 };
    const write = { staged: "", at: 0, sizeBytes: 1, content: Buffer.from("x") };
    const late = [
      () => video.readMediaInput({ ...ofSlow, ...read }, as()),
      () => video.writeMediaFile({ ...ofSlow, ...write }, as()),
      () => video.placeMediaFile({ ...ofSlow, staged: "", namespace: "cover", sha256: "" }, as()),
      () => video.finishMediaJob({ ...ofSlow, ...made(early, early) }, as()),
    ];
    for (const come of late) await expect(come()).rejects.toMatchObject(lost);
    // Nor does it take the job away from who has it.
    await video.returnMediaJob(ofSlow, as());
    expect((await video.keepMediaJobs({ worker: next, jobs: [{ id: job.id }] }, as())).ids).toEqual([job.id]);

    const { content: piece } = await video.readMediaInput({ ...ofNext, ...read, from: 100 }, as());
    expect(Buffer.from(piece).equals(content.subarray(100, 100 + piece.length))).toBe(true);
    const [play, cover] = [
      await deliver(ofNext, Buffer.from("the film")),
      await deliver(ofNext, Buffer.from("its cover"), "cover"),
    ];
    // Of files that the video does not use, nothing is published.
    const strange = made(blobKey("video", "0".repeat(64), "mp4"), cover);
    await expect(video.finishMediaJob({ ...ofNext, ...strange }, as())).rejects.toMatchObject(lost);
    await video.finishMediaJob({ ...ofNext, ...made(play, cover) }, as());
    await expect(video.finishMediaJob({ ...ofNext, ...made(play, cover) }, as())).rejects.toMatchObject(lost);
    expect(await get(id)).toMatchObject({ state: VideoState.PUBLISHED, playKey: play, coverKey: cover });
    const { rows } = await own.database.pool.query(
      "select from events.log where type = 'video.published.v1'",
    );
    expect(rows).toHaveLength(1);
    await expect.poll(() => blobs.size(early)).toBeUndefined();
  });

  test("whose job was leased but whose answer was lost gets it when it asks again, and it counts once", async () => {
    await stop();
    await start(media, { workers: 0 });
    const { id } = await publish(vertical);
    const worker = randomUUID();
    const lost = (await lease(worker))!;
    // It knows of none.
    expect(await lease(worker)).toMatchObject({ id: lost.id, videoId: id, attempt: 1 });
    // What it has it names, and gets no second time.
    const more = { worker, kinds, exceptIds: [lost.id] };
    expect((await video.leaseMediaJob(more, as())).job).toBeUndefined();
    // Somebody else's is another try.
    await own.database.pool.query("update video.job set run_at = now() - interval '1 s'");
    expect(await lease(randomUUID())).toMatchObject({ id: lost.id, attempt: 2 });
  });

  test("that delivers something else than it says, or pieces with a hole, is refused, and nothing stays", async () => {
    await stop();
    await start(media, { workers: 0 });
    await publish(small);
    const worker = randomUUID();
    const of = { worker, jobId: (await lease(worker))!.id };
    const piece = { ...of, sizeBytes: 8, content: Buffer.from("1234") };
    const { staged } = await video.writeMediaFile({ ...piece, staged: "", at: 0 }, as());
    const hole = { ...piece, sizeBytes: 100, staged, at: 50 };
    await expect(video.writeMediaFile(hole, as())).rejects.toMatchObject({ reason: "UPLOAD_INCOMPLETE" });
    const sha256 = "0".repeat(64);
    const place = { ...of, staged, namespace: "video", sha256 };
    await expect(video.placeMediaFile(place, as())).rejects.toMatchObject({ reason: "CHECKSUM_MISMATCH" });
    expect((await files()).sort()).toEqual(["bin"]);
    for (const wrong of ["../../etc/passwd", "", staged])
      await expect(video.placeMediaFile({ ...place, staged: wrong }, as())).rejects.toBeInstanceOf(
        DomainError,
      );
    // Somebody else's blob is none of its business.
    const key = blobKey("source", sha256, "bin");
    await expect(video.readMediaInput({ ...of, key, from: 0 }, as())).rejects.toMatchObject(lost);
  });

  test("that waits too little for a large file to be placed finds it when it asks again", async () => {
    await stop();
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    await start(media, { workers: 0 });
    await publish(small);
    const worker = randomUUID();
    const of = { worker, jobId: (await lease(worker))!.id };
    const content = Buffer.from("the film");
    const piece = { ...of, sizeBytes: content.length, staged: "", at: 0, content };
    const { staged } = await video.writeMediaFile(piece, as());
    const { adopt } = blobs;
    const slow = vi.spyOn(blobs, "adopt").mockImplementation(async (name, signal) => {
      await released;
      return adopt(name, signal);
    });
    const sha256 = createHash("sha256").update(content).digest("hex");
    const place = (forMs: number) =>
      video.placeMediaFile(
        { ...of, staged, namespace: "video", sha256 },
        { ...as(), deadlineMs: Date.now() + forMs },
      );
    await expect(place(50)).rejects.toMatchObject({ kind: "deadline" });
    const again = place(patienceMs);
    release();
    const { key } = await again;
    expect((await buffer(blobs.read(key))).equals(content)).toBe(true);
    expect(slow).toHaveBeenCalledTimes(1);
  });

  test("whose job always fails is told when it is given up, and the video says so", async () => {
    await stop();
    await start(media, { workers: 0 });
    const { id } = await publish(small);
    const worker = randomUUID();
    for (let attempt = 1; attempt <= 4; attempt++) {
      await own.database.pool.query("update video.job set run_at = now()");
      const job = (await lease(worker))!;
      expect(job).toMatchObject({ attempt, lastTry: attempt === 4 });
      // One that stops meanwhile does not count.
      const stopped = { message: "stopping", interrupted: true };
      await video.returnMediaJob({ worker, jobId: job.id, failure: stopped }, as());
      expect(await lease(worker)).toMatchObject({ attempt });
      const failure = { message: "the machine burns" };
      const answer = await video.returnMediaJob({ worker, jobId: job.id, failure }, as());
      expect(answer.last).toBe(attempt === 4);
    }
    expect(await get(id, ann)).toMatchObject({
      state: VideoState.FAILED,
      failureReason: "PROCESSING_FAILED",
    });
  });
});

describe("a cover of one's choice", () => {
  const at = (id: string, atMs: number, caller = ann) =>
    video.setCover({ id, picture: { case: "atMs", value: atMs } }, as(caller));
  const withPicture = async (id: string, file: string, caller = ann) => {
    const { name } = await blobs.receive(createReadStream(file), { maxBytes: 1e9 });
    return video.setCover({ id, picture: { case: "staged", value: name } }, as(caller));
  };

  test("is a picture of the video at any time, or one's own; the one before is gone", async () => {
    const made = await publish(vertical);
    await ended(made.id);
    const first = (await get(made.id, ann))!;
    expect(first.coverTimesMs.length).toBeGreaterThan(0);
    expect(first.coverTimesMs.length).toBeLessThanOrEqual(3);
    expect((await get(made.id, "2"))!.coverTimesMs).toEqual([]);
    const keys = new Set([first.coverKey]);
    for (const atMs of [7900, 4000, 99_999_999]) {
      const { coverKey, thumbHash } = await at(made.id, atMs);
      expect(await blobs.size(coverKey)).toBeGreaterThan(500);
      expect(thumbHash).not.toBe("");
      keys.add(coverKey);
    }
    expect(keys.size).toBeGreaterThanOrEqual(3);
    const own = await withPicture(made.id, clip("bright-left.jpg"));
    expect(keys).not.toContain(own.coverKey);
    expect((await video.findOpenBlobs({ keys: [...keys, own.coverKey] }, as())).keys).toEqual([own.coverKey]);
    await filesAre(["jpg", "mp4"]);
    // The same again is the same.
    expect((await withPicture(made.id, clip("bright-left.jpg"))).coverKey).toBe(own.coverKey);
    await expect.poll(jobs).toBe(0);
    await filesAre(["jpg", "mp4"]);
    await video.deleteVideo({ id: made.id }, as(ann));
    await filesAre([]);
  });

  test("gets its place while the video is not held; what cannot be placed, or was taken for left over, leaves nothing", async () => {
    const made = await publish(small);
    await ended(made.id);
    const before = await get(made.id);
    const commit = vi.spyOn(blobs, "commit");
    commit.mockImplementationOnce(async () => {
      await video.updateVideo({ id: made.id, title: "meanwhile" }, as(ann));
      throw refusal("BLOBS_UNAVAILABLE");
    });
    await expect(at(made.id, 1000)).rejects.toMatchObject({ reason: "BLOBS_UNAVAILABLE" });
    expect(await get(made.id)).toMatchObject({ title: "meanwhile", coverKey: before!.coverKey });
    commit.mockRestore();
    // As a ladder does that ends just now.
    const release = vi.spyOn(blobs, "commit").mockImplementationOnce(async () => {
      await own.database.pool.query(
        `delete from video.blob_use where owner_id = $1 and key like 'cover/%' and key <> $2`,
        [made.id, before!.coverKey],
      );
    });
    await expect(at(made.id, 1000)).rejects.toMatchObject({ reason: "BUSY" });
    release.mockRestore();
    await expect.poll(jobs).toBe(0);
    await filesAre(["jpg", "mp4"]);
    const { rows } = await own.database.pool.query("select key from video.blob_use order by key");
    expect(rows).toEqual([{ key: before!.coverKey }, { key: before!.playKey }]);
    expect((await at(made.id, 1000)).coverKey).not.toBe(before!.coverKey);
  });

  test("is refused to others, for what is not there, and for what is no picture; no file is left", async () => {
    const made = await publishUnmade(small);
    await expect(at(made.id, 0)).rejects.toMatchObject({ reason: "VIDEO_NOT_FOUND" });
    await make(made.id);
    const before = await get(made.id);
    await expect(at(made.id, 0, "2")).rejects.toMatchObject({ reason: "NOT_YOURS" });
    await expect(withPicture(made.id, clip("bright-left.jpg"), "2")).rejects.toMatchObject({
      reason: "NOT_YOURS",
    });
    for (const id of ["", "x", "77"])
      await expect(at(id, 0)).rejects.toMatchObject({ reason: "VIDEO_NOT_FOUND" });
    await expect(withPicture(made.id, small)).rejects.toMatchObject({ reason: "NOT_A_PICTURE" });
    await video.holdVideo({ id: made.id, held: true, reason: "" }, { ...as("9"), moderator: true });
    await expect(at(made.id, 0)).rejects.toMatchObject({ reason: "VIDEO_HELD" });
    expect(await get(made.id)).toMatchObject({ coverKey: before!.coverKey });
    await filesAre(["jpg", "mp4"]);
  });
});

test("what is taken down is shown to its author, and to moderators who ask as such; a draft to its author alone", async () => {
  const made = await publish(small);
  await ended(made.id);
  const standing = { videoId: made.id, version: "5", reach: Reach.DOWN, held: false };
  await video.moderateVideos({ standings: [standing] }, as());
  const moderator = { ...as("9"), moderator: true };
  const { playKey } = (await get(made.id, ann))!;
  const found = async (call: Call, more: { forModerators?: boolean } = {}) => {
    const [seen] = (await video.getVideos({ ids: [made.id], ...more }, call)).videos;
    const shown = await video.findShownBlobs({ videoId: made.id, keys: [playKey], ...more }, call);
    const rungs = await video.getRenditions({ videoId: made.id, asCaller: true, ...more }, call).then(
      () => 1,
      () => 0,
    );
    const { visibility, wishedVisibility, reach } = seen ?? {};
    return [seen && [visibility, wishedVisibility, reach], shown.keys.length, rungs];
  };
  const whole = [[Visibility.PRIVATE, Visibility.PUBLIC, Reach.DOWN], 1, 1];
  const nothing = [undefined, 0, 0];
  expect(await found(as(ann))).toEqual(whole);
  expect(await found(moderator, { forModerators: true })).toEqual(whole);
  for (const call of [as(), as("2"), moderator]) expect(await found(call)).toEqual(nothing);
  for (const call of [as(), as("2")]) expect(await found(call, { forModerators: true })).toEqual(nothing);
  await video.moderateVideos({ standings: [{ ...standing, version: "6", reach: Reach.FULL }] }, as());
  expect(await found(as("2"))).toEqual([[Visibility.PUBLIC, 0, 0], 1, 1]);
  expect(await found(moderator)).toEqual([[Visibility.PUBLIC, 0, 0], 1, 1]);

  const draft = await video.publish(
    { uploadId: (await send(createReadStream(small))).id, title: "", draft: true },
    as(ann),
  );
  expect((await video.getVideos({ ids: [draft.id], forModerators: true }, moderator)).videos).toEqual([]);

  for (const wrong of [{ videoId: "x" }, { version: "" }, { version: "-1" }, { reach: 0 }, { reach: 9 }])
    await expect(
      video.moderateVideos(
        {
          standings: [
            { ...standing, version: "7" },
            { ...standing, ...wrong },
          ],
        },
        as(),
      ),
    ).rejects.toMatchObject({ reason: "INVALID_ARGUMENT" });
  await expect(
    video.moderateVideos({ standings: Array(101).fill({ ...standing, version: "7" }) }, as()),
  ).rejects.toMatchObject({ reason: "INVALID_ARGUMENT" });
  expect(await found(as("2"))).toEqual([[Visibility.PUBLIC, 0, 0], 1, 1]);
});

describe("requests", () => {
  test("publishing twice is one video; a bad title, a stranger's upload or none is refused", async () => {
    const { id: uploadId } = await send(createReadStream(small));
    const publish = (title: string, caller = ann, id = uploadId) =>
      video.publish({ uploadId: id, title }, as(caller));
    await expect(publish("a".repeat(201))).rejects.toMatchObject({ reason: "TITLE_INVALID" });
    await expect(publish("a\0")).rejects.toMatchObject({ reason: "TITLE_INVALID" });
    await expect(publish("", "2")).rejects.toMatchObject({ kind: "not-found", reason: "UPLOAD_NOT_FOUND" });
    for (const id of ["", "0", "x", "9".repeat(40), "77"])
      await expect(publish("", ann, id)).rejects.toMatchObject({ reason: "UPLOAD_NOT_FOUND" });
    await expect(video.publish({ uploadId }, as())).rejects.toMatchObject({ reason: "LOGIN_REQUIRED" });
    expect((await publish("one")).id).toBe((await publish("two")).id);
  });

  test("videos of others stay", async () => {
    const made = await publishUnmade(small);
    const remove = (id: string, caller?: string) => video.deleteVideo({ id }, as(caller));
    await expect(remove(made.id, "2")).rejects.toMatchObject({
      kind: "not-found",
      reason: "VIDEO_NOT_FOUND",
    });
    await make(made.id);
    await expect(remove(made.id, "2")).rejects.toMatchObject({ kind: "forbidden", reason: "NOT_YOURS" });
    await expect(remove("x", ann)).rejects.toMatchObject({ reason: "VIDEO_NOT_FOUND" });
    expect(await get(made.id)).toBeDefined();
  });

  test.each([
    0.5,
    -1,
    Number.NaN,
    1e300,
    Number.POSITIVE_INFINITY,
    1234.5,
  ])("%d as a time to page from does no harm", async (beforeMs) => {
    for (const beforeId of ["", "x", "5"])
      expect((await video.listPublished({ beforeMs, beforeId, limit: 10 }, as())).videos).toEqual([]);
  });
});

test("while the blobs hang, a start waits for nothing, and old uploads go nevertheless", async () => {
  const { id } = await send(createReadStream(small));
  const partial = "11111111-1111-4111-8111-111111111111.part";
  await own.database.pool.query("update video.upload set created_at = now() - interval '100 d'");
  await own.database.pool.query(
    `insert into video.resumable_upload (owner_id, id, address, size_bytes, partial, touched_at)
     values (1, 5, '', 10, '${partial}', now() - interval '100 d')`,
  );
  await stop();
  const never = new Promise<never>(() => {});
  const discard = vi.spyOn(blobs, "discard").mockReturnValue(never);
  vi.spyOn(blobs, "sweepStaged").mockReturnValue(never);
  await start(media);
  await expect.poll(() => discard.mock.calls).toEqual([[partial]]);
  expect(await own.db.selectFrom("upload").select("id").where("id", "=", id).execute()).toEqual([]);
});

test("an upload cannot be fetched by its content, and unpublished files have a limit", async () => {
  const content = await readFile(join(root, "platform/media/testdata/compliant.mp4"));
  await send(Readable.from([content]));
  expect((await files()).sort()).toEqual(["bin"]);
  const sha256 = createHash("sha256").update(content).digest("hex");
  for (const extension of ["mp4", "jpg"])
    expect(await blobs.size(blobKey("video", sha256, extension))).toBeUndefined();

  await stop();
  await start(media, { maxUnpublishedBytes: 2.5 * content.length });
  const second = await send(Readable.from([content]));
  await expect(send(Readable.from([content]))).rejects.toMatchObject({
    kind: "exhausted",
    reason: "UNPUBLISHED_TOO_MUCH",
  });
  // Others have their own.
  await send(Readable.from([content]), "2");
  const made = await video.publish({ uploadId: second.id, title: "" }, as(ann));
  await ended(made.id);
  await send(Readable.from([content]));
});

test("accounts at one address share its limit of unpublished files; other addresses have their own", async () => {
  const content = await readFile(join(root, "platform/media/testdata/compliant.mp4"));
  const upload = (person: string, address: string) => send(Readable.from([content]), person, address);
  const first = await upload("1", "198.51.100.7");
  // There is room for three unpublished files and one more in all, and so for one from each address.
  const room = vi.spyOn(blobs, "freeBytes").mockResolvedValue(9 * content.length);
  const refused = { kind: "exhausted", reason: "ADDRESS_UNPUBLISHED_TOO_MUCH" };
  await expect(upload("2", "198.51.100.7")).rejects.toMatchObject(refused);
  await upload("3", "2001:db8::/64");
  // Uploads without a known address have only the other limits.
  await upload("4", "");
  await video.publish({ uploadId: first.id, title: "" }, as("1"));
  await upload("2", "198.51.100.7");
  room.mockRestore();
});

describe("room for three times the size of what is announced", () => {
  const announce = (person: string, sizeBytes: number) =>
    video.beginResumableUpload({ sizeBytes, address: `198.51.100.${person}` }, as(person));
  const first = (id: string, person: string) =>
    video.lockResumableUpload({ id, writer: `of ${person}` }, as(person));
  const full = { reason: "DISK_FULL" };

  test("is promised once, also to two who ask at once", async () => {
    const room = vi.spyOn(blobs, "freeBytes").mockResolvedValue(3000);
    await expect(announce("1", 1001)).rejects.toMatchObject(full);
    const { pool } = own.database;
    let second: Promise<unknown> = Promise.resolve();
    // Both look before either of them is written.
    const hold = "lock table video.resumable_upload in share mode";
    const one = await heldUp(
      pool,
      hold,
      () => announce("2", 1000),
      async () => {
        second = announce("3", 1000).catch((error) => error);
        await waiting(pool, 2);
      },
    );
    expect(one).toMatchObject({ sizeBytes: 1000 });
    expect(await second).toMatchObject(full);
    room.mockRestore();
  });

  test("is kept for who sends, given away after a minute of silence, and asked for again", async () => {
    const room = vi.spyOn(blobs, "freeBytes").mockResolvedValue(3000);
    const one = await announce("1", 1000);
    await expect(announce("2", 1)).rejects.toMatchObject(full);
    await own.database.pool.query("update video.resumable_upload set touched_at = now() - interval '61 s'");
    const two = await announce("2", 1000);
    await expect(first(one.id, "1")).rejects.toMatchObject(full);
    await first(two.id, "2");
    await own.database.pool.query("update video.resumable_upload set touched_at = now() - interval '61 s'");
    // It has a writer.
    await expect(first(one.id, "1")).rejects.toMatchObject(full);
    await video.cancelUpload({ id: two.id }, as("2"));
    await first(one.id, "1");
    room.mockRestore();
  });
});

test("a video that would take too long is refused with what fits, and nothing of it is kept", async () => {
  await stop();
  await start(media, { maxProcessingMs: 1 });
  await expect(send(createReadStream(join(root, "platform/media/testdata/hdr.mp4")))).rejects.toMatchObject({
    kind: "too-large",
    reason: "VIDEO_TOO_HEAVY",
  });
  await filesAre([]);
});
