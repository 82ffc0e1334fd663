import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { heldUp } from "#platform/testing/held-up.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { putIntoInboxes } from "./inbox-rows.ts";
import { migrations } from "./migrations.ts";
import { type FeedStore, feedStore } from "./store.ts";
import type { Tables } from "./tables.ts";

const reader = "1";
const [x, y, z] = ["11", "12", "13"] as const;
let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let store: FeedStore;
let lastVideo = 0;

beforeAll(async () => {
  own = await createModuleDatabase<Tables>("feed", "readers", migrations);
  store = feedStore(own.db, own.events);
});
afterAll(() => own.drop());
beforeEach(async () => {
  await own.database.pool.query(
    "truncate feed.author_video, feed.author, feed.inbox, feed.reader, feed.source",
  );
});

/** Records a video and delivers it to the reader, as one of its author's followers. */
async function publish(authorId: string): Promise<void> {
  const video = { authorId, videoId: String(++lastVideo), publishedAtMs: lastVideo };
  await store.noteVideo(own.db, video, false);
  await putIntoInboxes(own.db, video, [reader]);
}
/** What the event of an unfollow does. */
const onFollow = (what: "addFollows" | "removeFollows" | "addSources", authorId: string) =>
  own.db.transaction().execute((on) => store[what](on, [{ userId: reader, authorId }]));
const mustFill = async () => (await store.readersToFill([reader])).fill.has(reader);
async function authors(): Promise<string[]> {
  const before = { publishedAtMs: Number.MAX_SAFE_INTEGER, videoId: "9223372036854775807" };
  const [page] = await store.pages([{ userId: reader, before, limit: 100 }]);
  return page!.map((entry) => entry.authorId).reverse();
}
const age = (interval: string) =>
  own.database.pool.query("update feed.reader set last_read_at = now() - $1::interval", [interval]);

describe("while an inbox is being filled", () => {
  test("after an unfollow it is filled again, since the list of follows is older", async () => {
    for (const author of [x, y]) await publish(author);
    const generation = await store.openInbox(reader);
    await onFollow("removeFollows", x);
    await store.fillInbox(reader, { generation, authorIds: [x, y], capped: false });
    expect(await mustFill()).toBe(true);
    const again = await store.openInbox(reader);
    await store.fillInbox(reader, { generation: again, authorIds: [y], capped: false });
    expect(await mustFill()).toBe(false);
    expect(await authors()).toEqual([y]);
  });

  test("a read elsewhere fills it too, and takes nothing from the one that ends first", async () => {
    const first = await store.openInbox(reader);
    await onFollow("addFollows", x);
    for (const author of [x, y]) await publish(author);
    const second = await store.openInbox(reader);
    await store.fillInbox(reader, { generation: first, authorIds: [y], capped: false });
    expect(await mustFill()).toBe(false);
    expect(await authors()).toEqual([x, y]);
    // A late filling may have read the follows before this.
    await onFollow("removeFollows", x);
    await store.fillInbox(reader, { generation: second, authorIds: [x], capped: true });
    expect(await authors()).toEqual([y]);
    await own.database.pool.query("update feed.reader set stale = true");
    await store.fillInbox(reader, { generation: second, authorIds: [x], capped: true });
    expect(await mustFill()).toBe(true);
    expect((await own.database.pool.query("select from feed.source")).rowCount).toBe(0);
  });

  test("after an unfollow it is filled again, even if another process has opened it since", async () => {
    for (const author of [x, y]) await publish(author);
    const first = await store.openInbox(reader);
    await onFollow("removeFollows", x);
    const second = await store.openInbox(reader);
    await store.fillInbox(reader, { generation: first, authorIds: [x, y], capped: true });
    expect(await mustFill()).toBe(true);
    await store.fillInbox(reader, { generation: second, authorIds: [y], capped: true });
    expect(await mustFill()).toBe(false);
    expect(await authors()).toEqual([y]);
  });

  test("a second filling, started because it took too long, decides", async () => {
    const first = await store.openInbox(reader);
    await onFollow("addFollows", x);
    await own.database.pool.query("update feed.reader set opened_at = opened_at - interval '20 seconds'");
    const second = await store.openInbox(reader);
    await store.fillInbox(reader, { generation: first, authorIds: [y], capped: true });
    expect(await mustFill()).toBe(true);
    await publish(x);
    await store.fillInbox(reader, { generation: second, authorIds: [x, y], capped: true });
    expect(await mustFill()).toBe(false);
    expect(await authors()).toEqual([x]);
  });

  test("newly followed authors deliver, also afterwards; videos of the others are removed", async () => {
    const generation = await store.openInbox(reader);
    for (const author of [x, y, z]) await publish(author);
    await onFollow("addFollows", x);
    await store.fillInbox(reader, { generation, authorIds: [y], capped: true });
    expect(await authors()).toEqual([x, y]);
    for (const author of [x, y, z]) await publish(author);
    expect(await authors()).toEqual([x, y, x, y]);
    expect(await mustFill()).toBe(false);
    // Until new sources are chosen everything is delivered: the next filling may have read videos already.
    const again = await store.openInbox(reader);
    await publish(z);
    expect(await authors()).toEqual([x, y, x, y, z]);
    await store.fillInbox(reader, { generation: again, authorIds: [y, z], capped: true });
    expect(await authors()).toEqual([y, z, y, z, z]);
  });

  test("a reader with few follows again is no longer checked for sources", async () => {
    const generation = await store.openInbox(reader);
    await store.fillInbox(reader, { generation, authorIds: [x, y], capped: true });
    const again = await store.openInbox(reader);
    await onFollow("addFollows", z);
    await store.fillInbox(reader, { generation: again, authorIds: [x], capped: false });
    expect((await own.database.pool.query("select from feed.source")).rowCount).toBe(0);
    await publish(z);
    expect(await authors()).toEqual([z]);
  });
});

describe("a day later", () => {
  const filled = async (capped: boolean) => {
    const generation = await store.openInbox(reader);
    await store.fillInbox(reader, { generation, authorIds: [x], capped });
  };

  test("capped readers are filled again, once; the follows of others are counted, once", async () => {
    await filled(false);
    await age("25 hours");
    expect(await store.readersToFill([reader])).toEqual({ fill: new Set(), look: new Set([reader]) });
    await store.recordVisits([reader]);
    expect(await store.readersToFill([reader])).toEqual({ fill: new Set(), look: new Set() });
    await filled(true);
    expect(await mustFill()).toBe(false);
    await age("25 hours");
    expect(await store.readersToFill([reader])).toEqual({ fill: new Set([reader]), look: new Set() });
    // Until it is done.
    expect(await mustFill()).toBe(true);
  });

  test("a reader who returns after a month is filled from the facts", async () => {
    await filled(false);
    await age("31 days");
    await publish(x);
    expect(await authors()).toEqual([]);
    expect(await mustFill()).toBe(true);
  });

  test("a reader who does not return has no rows left", async () => {
    await publish(x);
    await filled(true);
    await age("31 days");
    expect(await store.closeIdleInboxes(100)).toBe(1);
    const { rows } = await own.database.pool.query(
      "select from feed.reader union all select from feed.inbox union all select from feed.source",
    );
    expect(rows).toEqual([]);
  });
});

test("a reader who returns while idle inboxes are closed keeps theirs", async () => {
  const generation = await store.openInbox(reader);
  await publish(x);
  await store.fillInbox(reader, { generation, authorIds: [x], capped: true });
  await age("31 days");
  const closed = await heldUp(
    own.database.pool,
    "update feed.reader set last_read_at = now()",
    () => store.closeIdleInboxes(100),
    async () => {},
  );
  expect(closed).toBe(0);
  expect(await authors()).toEqual([x]);
  expect(await mustFill()).toBe(false);
});

test("interests matter only for readers who are capped or soon will be", async () => {
  const asked = async () => [...(await store.cappedReaders([reader, "2"]))];
  expect(await asked()).toEqual([]);
  const generation = await store.openInbox(reader);
  expect(await asked()).toEqual([reader]);
  await store.fillInbox(reader, { generation, authorIds: [x], capped: false });
  expect(await asked()).toEqual([]);
  // Long stale, as after a rebuild: sources are chosen at the next read.
  await own.database.pool.query(
    "update feed.reader set stale = true, last_read_at = now() - interval '1 hour'",
  );
  expect(await asked()).toEqual([]);
  await own.database.pool.query("update feed.reader set capped = true");
  expect(await asked()).toEqual([reader]);
  await publish(y);
  await onFollow("addSources", y);
  expect(await authors()).toContain(y);
});
