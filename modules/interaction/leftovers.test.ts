import { afterAll, beforeAll, expect, test } from "vitest";
import type { Consumer } from "#platform/events/consumer/consumer.ts";
import { drifts } from "#platform/testing/drifts.ts";
import { createModuleDatabase, type ModuleDatabase } from "#platform/testing/module-database.ts";
import { accountErasureStore } from "./account-erasure-store.ts";
import { projectRankings, rankedEvents } from "./consumers.ts";
import { dailyStore, downloads } from "./daily-store.ts";
import { leftovers } from "./leftovers.ts";
import { markStore, reposts } from "./mark-store.ts";
import { migrations } from "./migrations.ts";
import { rankingStore } from "./ranking-store.ts";
import { counts } from "./recount.ts";
import { removalStore } from "./removal-store.ts";
import type { Tables } from "./tables.ts";
import { addVideos } from "./video-rows.ts";

let own: ModuleDatabase<Tables>;
let consumer: Consumer;
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("interaction", "leftovers", migrations);
  consumer = own.events.consume<(typeof rankedEvents)[number]>({
    group: "interaction.rankings",
    types: rankedEvents,
    handle: projectRankings(rankingStore(own.db, Date.now)),
  });
});
afterAll(async () => {
  await consumer?.stop();
  await own?.drop();
});

test("what an earlier release leaves of removed videos and deleted people goes, and all else stays", async () => {
  const { db, events, database } = own;
  const [gone, there] = ["101", "102"];
  const [eve, ben, guest] = ["5", "6", "0"];
  await addVideos(
    db,
    [gone, there].map((videoId) => ({ videoId, authorId: "1" })),
  );
  const stores = {
    removal: removalStore(db, events),
    rankings: rankingStore(db, Date.now),
    reposts: markStore(db, events, reposts),
    downloads: dailyStore(db, events, downloads),
  };
  let lastId = 0;
  for (const videoId of [gone, there]) {
    await stores.reposts.apply(
      [eve, ben].map((userId) => ({ videoId, userId, marked: true, id: String(++lastId) })),
    );
    await stores.downloads.apply(
      [eve, ben, guest].map((userId) => ({
        videoId,
        userId,
        atMs: Date.now(),
        label: userId === guest ? "g" : "",
      })),
    );
  }
  await consumer.settled();
  // As far as the earlier release goes.
  await stores.removal.close(gone, "1");
  await stores.removal.forget(gone);
  await accountErasureStore(db).markDeleted(eve);

  const sweep = leftovers(db, stores);
  const left = async () => {
    await sweep();
    await consumer.settled();
    const { rows } = await database.pool.query(
      `select 'repost' as what, video_id, user_id from interaction.repost
       union all select 'download', video_id, user_id from interaction.download
       union all select list, video_id, n from interaction.ranking_total
       union all select list || ' bucket', video_id, n from interaction.ranking_bucket order by 1, 2, 3`,
    );
    return rows.map((row) => `${row.what} ${row.video_id} ${row.user_id}`);
  };
  const rankings = ["24h", "24h bucket", "7d", "7d bucket", "all"].map((list) => `downloaded ${list} 102 2`);
  await expect.poll(left).toEqual(["download 102 0", "download 102 6", ...rankings, "repost 102 6"].sort());
  expect(await drifts(database, counts)).toEqual([]);
  const { rows } = await database.pool.query(
    "select type, key from events.log where type like '%unreposted%'",
  );
  expect(rows).toHaveLength(1);
  // It goes over all of them again and again.
  await stores.removal.close(there, "1");
  await expect.poll(left).toEqual([]);
});
