import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { testSeed } from "#platform/testing/random.ts";
import { bookmarks, type MarkCommand, type MarkStore, markStore, reposts } from "./mark-store.ts";
import { migrations } from "./migrations.ts";
import { type ReactionStore, reactionStore } from "./reaction-store.ts";
import type { Tables } from "./tables.ts";
import { addVideos } from "./video-rows.ts";

const videos = ["101", "102"];
const people = ["1", "2", "3"];
let test: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let reactions: ReactionStore;
let lastId = 0;
beforeAll(async () => {
  test = await createModuleDatabase<Tables>("interaction", "1", migrations);
  reactions = reactionStore(test.db, test.events);
});
afterAll(() => test.drop());
beforeEach(empty);

async function empty(): Promise<void> {
  await test.database.pool.query(
    "truncate interaction.video, interaction.person, interaction.bookmark, interaction.repost, events.log",
  );
  await addVideos(
    test.db,
    videos.map((videoId) => ({ videoId, authorId: "9" })),
  );
}
const command = (videoId: string, userId: string, marked: boolean): MarkCommand => ({
  ...{ videoId, userId, marked },
  id: String(++lastId),
});

describe.each([
  [bookmarks, reposts, "kept", "reposted"],
  [reposts, bookmarks, "reposted", "kept"],
] as const)("$count", (mark, other, flag, otherFlag) => {
  let store: MarkStore;
  beforeAll(() => {
    store = markStore(test.db, test.events, mark);
  });

  it("keeps facts, counts, lists and events as a naive list has them, whatever the order", async () => {
    const one = fc.record({
      videoId: fc.constantFrom(...videos),
      userId: fc.constantFrom(...people),
      marked: fc.boolean(),
    });
    const batch = fc.uniqueArray(one, {
      selector: ({ videoId, userId }) => `${videoId} ${userId}`,
      minLength: 1,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(batch), async (batches) => {
        await empty();
        /** The newest first. */
        let facts: { videoId: string; userId: string }[] = [];
        let events = 0;
        for (const commands of batches) {
          const expected = commands.map(({ videoId, userId, marked }) => {
            const rest = facts.filter((fact) => fact.videoId !== videoId || fact.userId !== userId);
            if (rest.length < facts.length === marked) return false;
            facts = marked ? [{ videoId, userId }, ...rest] : rest;
            return true;
          });
          const sent = commands.map(({ videoId, userId, marked }) => command(videoId, userId, marked));
          expect(await store.apply(sent)).toEqual(expected);
          events += expected.filter(Boolean).length;
        }
        const counts = new Map(
          (await reactions.videoStats(videos)).map((row) => [row.video_id, Number(row[mark.count])]),
        );
        for (const id of videos)
          expect(counts.get(id)).toBe(facts.filter(({ videoId }) => videoId === id).length);
        for (const id of people) {
          const own = facts.filter(({ userId }) => userId === id).map(({ videoId }) => videoId);
          expect((await store.list(id, undefined, 9)).map((row) => row.video_id)).toEqual(own);
          const pairs = videos.map((videoId) => ({ videoId, userId: id }));
          expect((await reactions.opinionsOf(pairs)).map((opinion) => opinion[flag])).toEqual(
            videos.map((videoId) => own.includes(videoId)),
          );
        }
        const { rows } = await test.database.pool.query("select count(*)::int from events.log");
        expect(rows[0].count).toBe(events);
      }),
      { numRuns: 25, seed: testSeed(mark.count) },
    );
  });

  it("counts exactly while many mark and leave one video at once", async () => {
    const all = Array.from({ length: 60 }, (_, i) => String(1000 + i));
    // No more at once than there are connections: who waits for one is refused after some seconds.
    const atOnce = 15;
    const each = (people: string[], marked: boolean) =>
      Promise.all(
        Array.from({ length: atOnce }, async (_, first) => {
          for (let i = first; i < people.length; i += atOnce)
            await store.apply([command("101", people[i]!, marked)]);
        }),
      );
    await each(all, true);
    await each(all.slice(0, 20), false);
    expect(Number((await reactions.videoStats(["101"]))[0]![mark.count])).toBe(40);
  });

  it("adds nothing for a deleted person, and takes away what there is", async () => {
    await store.apply([command("101", "1", true)]);
    await test.database.pool.query("update interaction.person set gone = true where user_id = 1");
    const [refused, done] = await store.apply([command("102", "1", true), command("102", "2", true)]);
    expect(refused).toMatchObject({ reason: "SESSION_ENDED" });
    expect(done).toBe(true);
    expect(await store.apply([command("101", "1", false)])).toEqual([true]);
    expect(await store.list("1", undefined, 9)).toEqual([]);
  });

  it("says nothing of the other kind", async () => {
    const others = markStore(test.db, test.events, other);
    await others.apply([command("101", "1", true)]);
    await store.apply([command("102", "1", true)]);
    const pairs = videos.map((videoId) => ({ videoId, userId: "1" }));
    const opinions = await reactions.opinionsOf(pairs);
    expect(opinions.map((opinion) => [opinion[flag], opinion[otherFlag]])).toEqual([
      [false, true],
      [true, false],
    ]);
    expect((await store.list("1", undefined, 9)).map((row) => row.video_id)).toEqual(["102"]);
  });
});
