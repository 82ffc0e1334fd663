import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { videoDeleted, videoPublished } from "#contracts/events.ts";
import { heldUp } from "#platform/testing/held-up.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { keepInboxes } from "./consumers.ts";
import { migrations } from "./migrations.ts";
import { rebuildStore } from "./rebuild-store.ts";
import { type FeedStore, feedStore } from "./store.ts";
import type { Tables } from "./tables.ts";

const authorId = "11";
let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let store: FeedStore;
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("feed", "pulled", migrations);
  store = feedStore(own.db, own.events);
});
afterAll(() => own.drop());
beforeEach(async () => {
  await own.database.pool.query("truncate feed.author_video, feed.author");
});

const video = (n: number) => ({ authorId, videoId: String(n), publishedAtMs: n });
const published = (n: number) => eventOf(videoPublished, n);
const deleted = (n: number) => eventOf(videoDeleted, n);
function eventOf({ name: type, schema }: typeof videoPublished | typeof videoDeleted, n: number) {
  return { type, message: create(schema as typeof videoPublished.schema, video(n)), traceId: "0".repeat(32) };
}
/** What events do, all in one transaction, when the author has so many followers; two are too many to deliver to. */
async function handle(events: ReturnType<typeof eventOf>[], followers = 2): Promise<void> {
  const relation = {
    getRelations: async () => ({ relations: [{ followers }] }),
    listFollowers: async () => ({ userIds: [], next: "" }),
  };
  const keep = keepInboxes(store, relation as never, { wake() {} } as never, 2);
  const context = { afterCommit() {}, emit() {}, signal: new AbortController().signal };
  await own.db.transaction().execute((on) => keep(on, events as never, context));
}

test("an author is pulled from for as long as there is something to pull", async () => {
  await handle([published(1), published(2)]);
  await handle([published(3)], 1);
  expect(await store.pulledAuthors()).toEqual([authorId]);
  await handle([deleted(1)]);
  expect(await store.pulledAuthors()).toEqual([authorId]);
  await handle([deleted(2)]);
  expect(await store.pulledAuthors()).toEqual([]);
  // In one transaction, while what is published is noted in another.
  await handle([published(4)]);
  await handle([deleted(4), published(5)]);
  expect(await store.pulledAuthors()).toEqual([authorId]);
  await handle([published(6), deleted(6), deleted(5)]);
  expect(await store.pulledAuthors()).toEqual([]);
});

test("what is noted while the last one is taken out is pulled", async () => {
  await handle([published(1)]);
  await heldUp(
    own.database.pool,
    `with noted as (insert into feed.author_video values (${authorId}, 2, 2, false))
     update feed.author set pulled = true where author_id = ${authorId}`,
    () => handle([deleted(1)]),
    async () => {},
  );
  expect(await store.pulledAuthors()).toEqual([authorId]);
});

test("a rebuilding that takes out the last one sees to it too", async () => {
  await handle([published(1), published(2)]);
  const rebuild = rebuildStore(own.db, own.events);
  const check = async (wrong: number[], right: string[]) =>
    rebuild.checked(
      wrong.map((n) => ({ ...video(n), pushed: false })),
      right,
      undefined,
      2,
    );
  await check([1], [authorId]);
  expect(await store.pulledAuthors()).toEqual([authorId]);
  await check([2], []);
  expect(await store.pulledAuthors()).toEqual([]);
});
