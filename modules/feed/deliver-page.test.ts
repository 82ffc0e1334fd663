import { afterAll, beforeAll, expect, test } from "vitest";
import { DomainError } from "#platform/errors/domain-error.ts";
import type { Job } from "#platform/jobs/workers.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { deliverVideo } from "./deliver.ts";
import { putIntoInboxes } from "./inbox-rows.ts";
import { migrations } from "./migrations.ts";
import { feedStore } from "./store.ts";
import type { Tables } from "./tables.ts";

const video = { authorId: "11", videoId: "21", publishedAtMs: 31 };
const delivery = { author_id: "11", video_id: "21", published_ms: "31", before_follow: "9" };
/** Only the last page uses it. */
const job = {} as Job;
let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;

beforeAll(async () => {
  own = await createModuleDatabase<Tables>("feed", "deliveries", migrations);
});
afterAll(() => own.drop());

test("a page of a delivery reaches each inbox once, also those in which the video is already", async () => {
  const store = feedStore(own.db, own.events);
  const readers = ["1", "2", "3", "4"];
  for (const reader of readers) await store.openInbox(reader);
  await own.db.insertInto("delivery").values(delivery).execute();
  // Readers who came back have had their inboxes filled during the delivery.
  await putIntoInboxes(own.db, video, ["3"]);
  const inboxes = async () =>
    (await own.db.selectFrom("inbox").select(["user_id", "video_id"]).orderBy("user_id").execute()).map(
      (row) => `${row.user_id} ${row.video_id}`,
    );
  expect(await inboxes()).toEqual(["3 21"]);
  for (let times = 0; times < 2; times++) {
    expect(await store.deliverPage(delivery, readers, "5", job)).toBe(true);
    expect(await inboxes()).toEqual(readers.map((reader) => `${reader} 21`));
  }
  expect((await store.delivery("21"))!.before_follow).toBe("5");
  expect(await store.deliverPage({ ...delivery, video_id: "22" }, readers, "5", job)).toBe(false);
  expect(await inboxes()).toHaveLength(4);
});

test("a delivery outlasts a relation service that is away longer than any job is tried", async () => {
  const store = feedStore(own.db, own.events);
  await store.openInbox("7");
  let asked = 0;
  const listFollowers = async () => {
    if (++asked <= 25) throw new DomainError("unavailable", "RELATION_UNREACHABLE", "It is away.");
    return { userIds: ["7"], next: "" };
  };
  const workers = own.jobs.work({
    kinds: { deliver: deliverVideo(store, { listFollowers } as never) },
    concurrency: 1,
    pauseMs: 1,
  });
  try {
    const late = { authorId: "11", videoId: "23", publishedAtMs: 33 };
    await store.startDelivery(own.db, late, "0123456789abcdef0123456789abcdef", own.jobs);
    await expect.poll(() => store.delivery("23")).toBeUndefined();
    expect(asked).toBe(26);
    const reached = own.db.selectFrom("inbox").select("user_id").where("video_id", "=", "23");
    expect(await reached.execute()).toEqual([{ user_id: "7" }]);
  } finally {
    await workers.stop();
  }
});

test.each([
  ["page", "31"],
  ["job", "32"],
])("published again before the last %s of its first delivery is done, a video reaches those who follow by then", async (when, videoId) => {
  const store = feedStore(own.db, own.events);
  const readers = [`${videoId}1`, `${videoId}2`];
  for (const reader of readers) await store.openInbox(reader);
  const video = { authorId: "11", videoId, publishedAtMs: 34 };
  const publish = () => store.startDelivery(own.db, video, "0123456789abcdef0123456789abcdef", own.jobs);
  let runs = 0;
  const listFollowers = async () => {
    if (runs > 1) return { userIds: readers, next: "" };
    await store.removeVideo(own.db, video);
    if (when === "page") await publish();
    return { userIds: readers.slice(0, 1), next: "" };
  };
  const deliver = deliverVideo(store, { listFollowers } as never);
  const run = async (job: Job) => {
    const isFirst = ++runs === 1;
    await deliver.run(job);
    if (isFirst && when === "job") await publish();
  };
  await publish();
  const workers = own.jobs.work({ kinds: { deliver: { ...deliver, run } }, concurrency: 1, pauseMs: 1 });
  try {
    const reached = own.db.selectFrom("inbox").select("user_id").where("video_id", "=", videoId);
    await expect
      .poll(() => reached.orderBy("user_id").execute())
      .toEqual(readers.map((user_id) => ({ user_id })));
  } finally {
    await workers.stop();
  }
});
