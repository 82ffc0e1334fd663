import { afterAll, beforeAll, expect, test } from "vitest";
import { createLog } from "#platform/observe/log.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { closeIdleRegularly } from "./idle-inboxes.ts";
import { migrations } from "./migrations.ts";
import { feedStore } from "./store.ts";
import type { Tables } from "./tables.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("feed", "idle", migrations);
});
afterAll(() => own.drop());

const log = createLog("silent");
const left = async () => {
  const { rows } = await own.database.pool.query(
    "select (select count(*) from feed.reader)::int as readers, (select count(*) from feed.inbox)::int as entries",
  );
  return rows[0];
};
const addReaders = (from: number, to: number, days: number) =>
  own.database.pool.query(`
    with readers as (
      insert into feed.reader (user_id, last_read_at)
      select i, now() - ${days} * interval '1 day' from generate_series(${from}, ${to}) i returning user_id
    )
    insert into feed.inbox (user_id, published_ms, video_id, author_id)
    select user_id, j, j, 1 from readers, generate_series(1, 3) j`);

test("all idle inboxes are closed, however many there are, by several processes", async () => {
  await addReaders(1, 1150, 31);
  await addReaders(2001, 2010, 29);
  const store = feedStore(own.db, own.events);
  const stops = [closeIdleRegularly(store, log), closeIdleRegularly(store, log)];
  await expect.poll(left).toEqual({ readers: 10, entries: 30 });
  await Promise.all(stops.map((stop) => stop()));
});

test("it stops after the page under way", async () => {
  let pages = 0;
  let finish!: () => void;
  const page = (limit: number) => {
    pages++;
    return new Promise<number>((resolve) => {
      finish = () => resolve(limit);
    });
  };
  const stop = closeIdleRegularly({ closeIdleInboxes: page }, log);
  let stopped = false;
  const stopping = stop().then(() => {
    stopped = true;
  });
  await new Promise((resolve) => setImmediate(resolve));
  expect(stopped).toBe(false);
  finish();
  await stopping;
  expect(pages).toBe(1);
});
