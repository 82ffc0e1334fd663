import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { reactionsRemoved, videoDeleted } from "#contracts/events.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { commentStore } from "./comment-store.ts";
import { consumeVideoDeletions } from "./consumers.ts";
import { dailyStore, downloads, shares } from "./daily-store.ts";
import { bookmarks, markStore, reposts } from "./mark-store.ts";
import { migrations } from "./migrations.ts";
import { rankingStore } from "./ranking-store.ts";
import type { StoredReaction } from "./reaction-kinds.ts";
import { reactionStore } from "./reaction-store.ts";
import { removalStore } from "./removal-store.ts";
import type { Tables } from "./tables.ts";
import { addVideos } from "./video-rows.ts";

let test: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
beforeAll(async () => {
  test = await createModuleDatabase<Tables>("interaction", "1", migrations);
});
afterAll(() => test.drop());

describe("consumeVideoDeletions", () => {
  it("takes everything about a video away, exactly, while others go on", async () => {
    const { db, events, database } = test;
    const reactions = reactionStore(db, events);
    const comments = commentStore(db, events);
    const author = "1";
    await addVideos(db, [
      { videoId: "101", authorId: author },
      { videoId: "102", authorId: author },
    ]);
    let lastId = 0;
    const react = (videoId: string, from: number, to: number, reaction: StoredReaction) =>
      reactions.apply(
        Array.from({ length: to - from }, (_, i) => ({
          videoId,
          userId: String(1000 + from + i),
          reaction,
          id: String(++lastId),
        })),
      );
    const comment = (videoId: string) =>
      comments.add([
        {
          videoId,
          id: String(++lastId),
          authorId: "5",
          text: "x",
          replyToId: undefined,
          idempotencyKey: undefined,
        },
      ]);
    // More than one step removes.
    for (let i = 0; i < 5000; i += 500) await react("101", i, i + 500, 1);
    await react("101", 5000, 5100, -1);
    await react("102", 0, 100, 1);
    await comment("101");
    await comment("102");

    const marks = [bookmarks, reposts].map((mark) => markStore(db, events, mark));
    for (const store of marks)
      await store.apply(
        ["101", "102"].map((videoId) => ({ videoId, userId: "5", marked: true, id: String(++lastId) })),
      );
    for (const daily of [shares, downloads])
      await dailyStore(db, events, daily).apply(
        ["101", "102"].map((videoId) => ({ videoId, userId: "5", atMs: Date.now(), label: videoId })),
      );
    const rankings = rankingStore(db, Date.now);
    await db.transaction().execute((on) => rankings.rebuild(on));
    const forgotten = new Set<string>();
    const consumer = consumeVideoDeletions(
      events,
      () => removalStore(db, events),
      () => rankings,
      {
        forget: async (videoId) => void forgotten.add(videoId),
      },
    );
    const deletion = { videoId: "101", authorId: author, publishedAtMs: 1 };
    await events.transaction(db, async (_transaction, emit) => emit(videoDeleted, deletion));
    for (let i = 5100; i < 5600; i += 50)
      await Promise.all([react("101", i, i + 50, 1), react("102", i, i + 50, 1)]);
    await consumer.settled();

    expect([...forgotten]).toEqual(["101"]);
    for (const ranking of ["shared", "downloaded"] as const)
      for (const window of ["24h", "7d", "all"] as const)
        expect(await rankings.top(ranking, window, 9)).toEqual([{ videoId: "102", count: 1 }]);
    expect(await react("101", 0, 1, 1)).toEqual([undefined]);
    expect(await comment("101")).toEqual(["video-gone"]);
    for (const store of marks) {
      expect(await store.apply([{ videoId: "101", userId: "6", marked: true, id: "1" }])).toEqual([
        undefined,
      ]);
      expect(await store.list("5", undefined, 9)).toEqual([expect.objectContaining({ video_id: "102" })]);
    }
    // Its row does not come back for a viewer who saw the video before.
    await addVideos(db, [{ videoId: "101", authorId: author }]);
    expect(await react("101", 0, 1, 1)).toEqual([undefined]);

    const { rows } = await database.pool.query(
      "select video_id, count(*) from interaction.reaction group by 1",
    );
    expect(rows).toEqual([{ video_id: "102", count: "600" }]);
    expect(await reactions.videoStats(["101", "102"])).toEqual([
      {
        video_id: "101",
        likes: "0",
        dislikes: "0",
        comments: "0",
        closed: false,
        bookmarks: "0",
        reposts: "0",
        shares: "0",
        downloads: "0",
      },
      {
        video_id: "102",
        likes: "600",
        dislikes: "0",
        comments: "1",
        closed: false,
        bookmarks: "1",
        reposts: "1",
        shares: "1",
        downloads: "1",
      },
    ]);
    expect(await comments.flat("101", undefined, 9)).toEqual([]);
    expect((await reactions.userStats([author]))[0]?.likes_received).toBe("600");
    const wrong = await database.pool.query(
      `select from interaction.person p where p.user_id > 999 and p.likes_given <> (
         select count(*) from interaction.reaction r where r.user_id = p.user_id and r.reaction = 1)`,
    );
    expect(wrong.rowCount).toBe(0);

    // The same event again changes nothing.
    await events.transaction(db, async (_transaction, emit) => emit(videoDeleted, deletion));
    await consumer.settled();
    expect((await reactions.userStats([author]))[0]?.likes_received).toBe("600");
    await consumer.stop();
  });
});

describe("removeReactions", () => {
  it("tells of nothing where there was none, since every gateway forgets its pages by it", async () => {
    const { db, events, database } = test;
    await addVideos(db, [{ videoId: "103", authorId: "1" }]);
    const told = async () =>
      (
        await database.pool.query("select from events.log where type = $1 and key = '103'", [
          reactionsRemoved.name,
        ])
      ).rows.length;
    const { removeReactions } = removalStore(db, events);
    expect([await removeReactions("103"), await told()]).toEqual([false, 0]);
    await reactionStore(db, events).apply([{ videoId: "103", userId: "5", reaction: 1, id: "1" }]);
    expect([await removeReactions("103"), await told()]).toEqual([false, 1]);
  });
});
