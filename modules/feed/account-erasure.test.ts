import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { Job } from "#platform/jobs/workers.ts";
import { heldUp } from "#platform/testing/held-up.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { accountErasureStore } from "./account-erasure-store.ts";
import { putIntoInboxes } from "./inbox-rows.ts";
import { migrations } from "./migrations.ts";
import { type FeedStore, feedStore } from "./store.ts";
import type { Tables } from "./tables.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let store: FeedStore;
const eve = "500";
const video = (videoId: string, authorId = eve) => ({ videoId, authorId, publishedAtMs: Number(videoId) });
const noJobs = { add: async () => {} } as unknown as Jobs;
const job = { finish: async () => {} } as unknown as Job;
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("feed", "accounts", migrations);
  store = feedStore(own.db, own.events);
});
afterAll(() => own.drop());
beforeEach(async () => {
  await own.database.pool.query(
    "truncate feed.author_video, feed.author, feed.inbox, feed.reader, feed.source, feed.delivery",
  );
});

const rowsOf = async (sql: string) => (await own.database.pool.query(sql)).rows;
/** A video that one page of followers has, with more to come. */
async function halfDelivered(videoId: string) {
  await store.noteVideo(own.db, video(videoId), false);
  await own.db.transaction().execute((on) => store.startDelivery(on, video(videoId), "", noJobs));
  return (await store.delivery(videoId))!;
}

test("a deleted video is delivered no further, even by a delivery in progress", async () => {
  for (const userId of ["1", "2"]) await store.openInbox(userId);
  const delivery = await halfDelivered("10");
  const outcome = await heldUp(
    own.database.pool,
    "delete from feed.delivery where video_id = 10",
    () => store.deliverPage(delivery, ["1"], "80", job),
    async () => {},
  );
  expect(outcome).toBe(false);
  await halfDelivered("10");
  expect(await store.deliverPage(delivery, ["2"], "80", job)).toBe(true);
  await own.db.transaction().execute((on) => store.removeVideo(on, video("10")));
  expect(await store.delivery("10")).toBeUndefined();
  expect(await store.deliverPage(delivery, ["1"], "70", job)).toBe(false);
  expect(await rowsOf("select user_id from feed.inbox")).toEqual([{ user_id: "2" }]);
});

test("a deleted person has no inbox and gets none, and their publications are not recorded", async () => {
  await store.openInbox(eve);
  await store.noteVideo(own.db, video("11", "7"), false);
  await store.fillInbox(eve, { generation: 0, authorIds: ["7"], capped: true });
  await halfDelivered("10");
  const accounts = accountErasureStore(own.db);
  for (let i = 0; i < 2; i++) {
    await accounts.markDeleted(eve);
    await accounts.removeAuthor(eve);
  }
  const places = () =>
    rowsOf(`
      select 'inbox' as place from feed.inbox where 500 in (user_id, author_id)
      union all select 'source' from feed.source where 500 in (user_id, author_id)
      union all select 'author' from feed.author where author_id = 500
      union all select 'author_video' from feed.author_video where author_id = 500
      union all select 'delivery' from feed.delivery where author_id = 500`);
  expect(await places()).toEqual([]);

  await expect(store.openInbox(eve)).rejects.toMatchObject({ reason: "SESSION_ENDED" });
  await store.fillInbox(eve, { generation: 1, authorIds: ["7"], capped: true });
  await own.db.transaction().execute((on) => putIntoInboxes(on, video("11", "7"), [eve]));
  await own.db.transaction().execute((on) => store.addFollows(on, [{ userId: eve, authorId: "7" }]));
  expect(await places()).toEqual([]);
  // A late event: the video is removed by the event of its deletion, and only the mark is added.
  await store.noteVideo(own.db, video("12"), true);
  expect(await rowsOf("select author_id from feed.author")).toEqual([{ author_id: "7" }]);
});
