import { randomUUID } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import { diskBlobStore } from "#platform/blob/disk-blob-store.ts";
import { createSnowflake, idAtTime } from "#platform/ids/snowflake.ts";
import { waiting } from "#platform/testing/held-up.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { accountErasureStore } from "./account-erasure-store.ts";
import { actStore } from "./act-store.ts";
import { drawPicture } from "./draw-picture.ts";
import type { MessageRow, Picture } from "./message-row.ts";
import { migrations } from "./migrations.ts";
import {
  countPicture,
  endHold,
  holdPicture,
  holdShown,
  pictureUses,
  removePicture,
  removePictureKind,
  removeUnsentKind,
} from "./picture-store.ts";
import { messageReportStore } from "./report-store.ts";
import { maxPicturesADay } from "./rules.ts";
import { sendStore } from "./send-store.ts";
import type { Tables } from "./tables.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let dir: string;
let blobs: BlobStore;
const ids = createSnowflake({ node: 1, floorMs: 0, nowMs: Date.now });
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("message", "pictures", migrations);
});
afterAll(() => own.drop());
beforeEach(async () => {
  await own.database.pool.query(
    `truncate message.conversation, message.message, message.person, message.timeline, message.picture,
      message.report, message.report_line, message.report_picture, message.pictures_sent, message.job`,
  );
  dir = await mkdtemp(join(tmpdir(), "pictures-"));
  blobs = await diskBlobStore(dir);
  return () => rm(dir, { recursive: true });
});

/** A JPEG of one pixel, as far as its header says. */
const media = {
  picture: (_from: string, to: string, { maxWidthPx }: { maxWidthPx: number }) =>
    writeFile(
      to,
      Buffer.from(`ffd8ffc0000b0800010001010111${maxWidthPx.toString(16).padStart(4, "0")}`, "hex"),
    ),
};
const keysOf = ({ key, small_key }: Picture) => [key, small_key];
async function draw(hold: string, store: BlobStore = blobs): Promise<Picture> {
  const { name, path } = await blobs.stagingPath("jpg");
  await writeFile(path, "sent");
  const { signal } = new AbortController();
  const begin = (keys: string[]) => holdPicture(own.db, own.jobs, hold, keys);
  return drawPicture(store, media as never, name, begin, { signal });
}
const end = (picture: Picture, hold: string) => endHold(own.db, blobs, hold, keysOf(picture));
const sendOn = (picture: Picture, hold: string) => holdShown(own.db, own.jobs, hold, keysOf(picture));
async function send(picture: Picture): Promise<MessageRow> {
  const command = { senderId: "1", receiverId: "2", content: "", key: undefined, friends: true, traceId: "" };
  const [sent] = await sendStore(own.db, ids, own.events, () => {})([{ ...command, parts: { picture } }]);
  return sent as MessageRow;
}
const recall = ({ id }: MessageRow) =>
  actStore(own.db, own.events, own.jobs).recall({ userId: "1", peerId: "2", messageId: id });
const areThere = async (picture: Picture) =>
  (await Promise.all(keysOf(picture).map((key) => blobs.size(key)))).map((size) => size !== undefined);
const jobs = () => own.db.selectFrom("job").select(["kind", "run_at"]).execute();
/** Runs the jobs that are due. */
async function work(): Promise<void> {
  const kinds = {
    [removePictureKind]: removePicture(own.db, blobs),
    [removeUnsentKind]: removePicture(own.db, blobs),
  };
  const workers = own.jobs.work({ kinds, concurrency: 1, pauseMs: 1 });
  // By the clock that said when: ours has no microseconds, and would be before it.
  const due = own.db.selectFrom("job").select("id").where("run_at", "<=", sql<Date>`now()`);
  await expect.poll(() => due.execute()).toEqual([]);
  await workers.stop();
}
const [there, gone] = [
  [true, true],
  [false, false],
];

test("what a killed process had put in its place is removed after an hour", async () => {
  const before = Date.now();
  let jobsBefore = 0;
  const commit = async (...names: Parameters<BlobStore["commit"]>) => {
    jobsBefore ||= (await jobs()).length;
    return blobs.commit(...names);
  };
  const picture = await draw(randomUUID(), { ...blobs, commit });
  expect(jobsBefore).toBe(2);
  for (const { run_at } of await jobs()) expect(run_at.getTime()).toBeGreaterThanOrEqual(before + 3_600_000);
  expect(await areThere(picture)).toEqual(there);
  await own.database.pool.query("update message.job set run_at = now()");
  await work();
  expect(await areThere(picture)).toEqual(gone);
});

test("a picture that is not sent is removed at once, unless somebody else sends the same", async () => {
  const picture = await draw("mine");
  expect(await draw("theirs")).toEqual(picture);
  await end(picture, "mine");
  expect(await areThere(picture)).toEqual(there);
  await end(picture, "theirs");
  expect(await areThere(picture)).toEqual(gone);
  expect(await jobs()).toEqual([]);
});

test("a picture that is sent stays until its message goes, and longer if the same is being sent just then", async () => {
  const picture = await draw("mine");
  const sent = await send(picture);
  await end(picture, "mine");
  expect(await areThere(picture)).toEqual(there);
  expect(await jobs()).toEqual([]);
  await draw("theirs");
  await recall(sent);
  await work();
  expect(await areThere(picture)).toEqual(there);
  const other = await send(picture);
  await end(picture, "theirs");
  expect(await areThere(picture)).toEqual(there);
  await recall(other);
  await work();
  expect(await areThere(picture)).toEqual(gone);
  expect(await jobs()).toEqual([]);
});

test("what is sent on stays also when the first message goes meanwhile; what no message has is not sent on", async () => {
  const picture = await draw("first");
  // It may not be in its place yet.
  await expect(sendOn(picture, "early")).rejects.toMatchObject({ reason: "BUSY" });
  const sent = await send(picture);
  await end(picture, "first");
  await sendOn(picture, "second");
  await recall(sent);
  await work();
  expect(await areThere(picture)).toEqual(there);
  await expect(sendOn(picture, "late")).rejects.toMatchObject({ reason: "BUSY" });
  await end(picture, "second");
  expect(await areThere(picture)).toEqual(gone);
});

test("blobs are listed to the last one, however many messages and reports have the same", async () => {
  const { pool } = own.database;
  // Nineteen have the first two, the twentieth has the others.
  const keys = (first: string, last: string) =>
    ["", "/small"]
      .map((size) => `case when n < 20 then '${first}${size}' else '${last}${size}' end`)
      .join(", ");
  await pool.query(
    `insert into message.message (low_id, high_id, id, sender_id, content)
     select 1, 2, n, 1, '' from generate_series(1, 20) n`,
  );
  await pool.query(
    `insert into message.picture (low_id, high_id, message_id, key, small_key, width, height)
     select 1, 2, n, ${keys("a", "c")}, 1, 1 from generate_series(1, 20) n`,
  );
  await pool.query(
    `insert into message.report (reporter_id, id, peer_id, message_id, sender_id, in_group, reason, text)
     select 2, n, 1, n, 1, false, 1, '' from generate_series(1, 20) n`,
  );
  await pool.query(
    `insert into message.report_line (reporter_id, report_id, message_id, sender_id, content, picture)
     select 2, n, n, 1, '', true from generate_series(1, 20) n`,
  );
  await pool.query(
    `insert into message.report_picture (reporter_id, report_id, message_id, key, small_key, width, height)
     select 2, n, n, ${keys("b", "d")}, 1, 1 from generate_series(1, 20) n`,
  );
  const listed = [];
  for (let after: string | undefined = ""; after !== undefined; ) {
    const page = await pictureUses.list(own.db, after, 5);
    listed.push(...page.map(({ key }) => key));
    after = page.length < 5 ? undefined : page.at(-1)!.key;
  }
  expect(listed).toEqual(["a", "b", "c", "d"].flatMap((key) => [key, `${key}/small`]));
});

test("a person sends so many pictures a day, however many at once, and as many on the next one", async () => {
  const nowMs = Date.now();
  const count = (userId: string, atMs = nowMs) => countPicture(own.db, userId, atMs);
  await count("1");
  await own.db
    .updateTable("pictures_sent")
    .set({ count: maxPicturesADay - 2 })
    .execute();
  const outcomes = await Promise.allSettled([1, 2, 3, 4].map(() => count("1")));
  const refused = outcomes.flatMap((one) => (one.status === "rejected" ? one.reason.reason : []));
  expect(refused).toEqual(["PICTURES_SENT_TOO_MANY", "PICTURES_SENT_TOO_MANY"]);
  await count("2");
  await count("1", nowMs + 24 * 3_600_000);
  expect(await own.db.selectFrom("pictures_sent").select("count").orderBy("user_id").execute()).toEqual([
    { count: 1 },
    { count: 1 },
  ]);
});

const reports = () => messageReportStore(own.db, own.jobs);
/** Person 2 reports what person 1 has sent. */
const report = (reported: MessageRow, id = ids.next()) =>
  reports().add({ id, reporterId: "2", peerId: "1", reason: 1, text: "", reported, others: [] });
const ends: [string, string, (id: string) => Promise<unknown>][] = [
  ["judged", ids.next(), (id) => reports().judge(id)],
  [
    "too old",
    idAtTime(Date.now() - 91 * 24 * 3_600_000).toString(),
    () => reports().expire(new AbortController().signal),
  ],
  ["of a deleted person", ids.next(), () => accountErasureStore(own.db, own.jobs).removeTraces("1")],
];

test.each(ends)("a picture that was taken back stays until its report is %s", async (_, id, finish) => {
  const picture = await draw("first");
  const sent = await send(picture);
  await end(picture, "first");
  await report(sent, id);
  await recall(sent);
  await work();
  expect(await areThere(picture)).toEqual(there);
  expect((await pictureUses.list(own.db, "", 10)).map(({ key }) => key)).toEqual(keysOf(picture).sort());
  await expect(sendOn(picture, "late")).rejects.toMatchObject({ reason: "BUSY" });
  expect(await reports().waiting("0", 1)).toMatchObject([{ id, lines: [{ shown: picture }] }]);
  expect(await reports().reportedBlobs(id, [...keysOf(picture), "other"])).toEqual(keysOf(picture));
  await finish(id);
  await work();
  expect(await areThere(picture)).toEqual(gone);
  expect(await reports().reportedBlobs(id, keysOf(picture))).toEqual([]);
});

test("of a picture that was taken back just before it is reported nothing is kept", async () => {
  const picture = await draw("first");
  const sent = await send(picture);
  await end(picture, "first");
  await recall(sent);
  await report(sent);
  expect(await reports().waiting("0", 1)).toMatchObject([{ lines: [{ picture: true, shown: null }] }]);
  await work();
  expect(await areThere(picture)).toEqual(gone);
});

test("while a blob is being removed who begins to send it waits, and no message does", async () => {
  const picture = await draw("first");
  const sent = await send(picture);
  await end(picture, "first");
  await recall(sent);
  const removing = new Set<string>();
  let goOn = () => {};
  const slow = new Promise<void>((resolve) => {
    goOn = resolve;
  });
  const remove = async (key: string) => {
    removing.add(key);
    await slow;
    await blobs.remove(key);
  };
  const kinds = { [removePictureKind]: removePicture(own.db, { remove }) };
  const workers = own.jobs.work({ kinds, concurrency: 2, pauseMs: 1 });
  await expect.poll(() => removing.size).toBe(2);
  const drawing = draw("second");
  try {
    await waiting(own.database.pool, 1);
    await send(picture);
  } finally {
    goOn();
    await Promise.allSettled([drawing, workers.stop()]);
  }
  expect(await areThere(picture)).toEqual(there);
});
