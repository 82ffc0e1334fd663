import { fromBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { ReactedSchema } from "#contracts/gen/interaction_events_pb.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import fc from "#platform/testing/property.ts";
import { migrations } from "./migrations.ts";
import type { StoredReaction } from "./reaction-kinds.ts";
import { type ReactionCommand, type ReactionStore, reactionStore } from "./reaction-store.ts";
import type { Tables } from "./tables.ts";
import { addVideos } from "./video-rows.ts";

let test: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let store: ReactionStore;

/** Videos 101 to 104, of persons 1 and 2 in turn. */
const videos = ["101", "102", "103", "104"];
const authorOf = (videoId: string) => String(2 - (Number(videoId) % 2));
const people = ["1", "2", "3", "4", "5"];

beforeAll(async () => {
  test = await createModuleDatabase<Tables>("interaction", "1", migrations);
  store = reactionStore(test.db, test.events);
});
afterAll(() => test.drop());
beforeEach(empty);

async function empty(): Promise<void> {
  await test.database.pool.query(
    "truncate interaction.video, interaction.person, interaction.reaction, interaction.comment, events.log",
  );
  await addVideos(
    test.db,
    videos.map((videoId) => ({ videoId, authorId: authorOf(videoId) })),
  );
}

/** The stored counts. */
async function counts() {
  const video = new Map((await store.videoStats(videos)).map((row) => [row.video_id, row]));
  const person = new Map((await store.userStats(people)).map((row) => [row.user_id, row]));
  return {
    likes: videos.map((id) => Number(video.get(id)?.likes ?? 0)),
    dislikes: videos.map((id) => Number(video.get(id)?.dislikes ?? 0)),
    received: people.map((id) => Number(person.get(id)?.likes_received ?? 0)),
    given: people.map((id) => Number(person.get(id)?.likes_given ?? 0)),
  };
}

/** The same, counted naively. */
function recount(facts: Map<string, StoredReaction>) {
  const all = [...facts].map(([pair, reaction]) => ({ pair: pair.split(" ") as [string, string], reaction }));
  const count = (matches: (fact: { pair: [string, string]; reaction: StoredReaction }) => boolean) =>
    all.filter(matches).length;
  return {
    likes: videos.map((id) => count(({ pair, reaction }) => pair[0] === id && reaction === 1)),
    dislikes: videos.map((id) => count(({ pair, reaction }) => pair[0] === id && reaction === -1)),
    received: people.map((id) => count(({ pair, reaction }) => authorOf(pair[0]) === id && reaction === 1)),
    given: people.map((id) => count(({ pair, reaction }) => pair[1] === id && reaction === 1)),
  };
}

const command = fc.record(
  {
    videoId: fc.constantFrom(...videos),
    userId: fc.constantFrom(...people),
    reaction: fc.constantFrom<StoredReaction>(1, -1, 0),
    insteadOf: fc.constantFrom<StoredReaction>(1, -1),
  },
  { requiredKeys: ["videoId", "userId", "reaction"] },
);
let lastId = 0;

describe("apply", () => {
  it("keeps facts and counts as a naive map has them, whatever the order", async () => {
    const batch = fc.uniqueArray(command, {
      selector: (one) => `${one.videoId} ${one.userId}`,
      minLength: 1,
    });
    await fc.assert(
      fc.asyncProperty(fc.array(batch), async (batches) => {
        await empty();
        const facts = new Map<string, StoredReaction>();
        for (const commands of batches) {
          const expected = commands.map(({ videoId, userId, reaction, insteadOf }) => {
            const pair = `${videoId} ${userId}`;
            const was = facts.get(pair) ?? 0;
            if (was === reaction || (insteadOf !== undefined && insteadOf !== was)) return false;
            facts.set(pair, reaction);
            return true;
          });
          expect(await store.apply(commands.map((one) => ({ ...one, id: String(++lastId) })))).toEqual(
            expected,
          );
        }
        expect(await counts()).toEqual(recount(facts));
        const pairs = videos.flatMap((videoId) => people.map((userId) => ({ videoId, userId })));
        expect(await store.opinionsOf(pairs)).toEqual(
          pairs.map(({ videoId, userId }) => ({
            reaction: facts.get(`${videoId} ${userId}`) ?? 0,
            kept: false,
            reposted: false,
          })),
        );
      }),
      { numRuns: 25 },
    );
  });
});

describe("many at once", () => {
  it("from two processes, each like counts once and nothing deadlocks", async () => {
    const other = reactionStore(test.db, test.events);
    const everyone = Array.from({ length: 60 }, (_, i) => String(1000 + i));
    const commands = (reaction: StoredReaction, order: 1 | -1) =>
      everyone
        .flatMap((userId) => videos.map((videoId) => ({ userId, videoId, reaction, id: String(++lastId) })))
        .sort(
          (a, b) => order * (Number(a.userId) - Number(b.userId) || Number(a.videoId) - Number(b.videoId)),
        );
    const halves = (all: ReactionCommand[]) => [all.slice(0, all.length / 2), all.slice(all.length / 2)];
    const changed = (
      await Promise.all([
        ...halves(commands(1, 1)).map((batch) => store.apply(batch)),
        ...halves(commands(1, -1)).map((batch) => other.apply(batch)),
        ...halves(commands(1, 1)).map((batch) => other.apply(batch)),
      ])
    ).flat();
    expect(changed.filter(Boolean)).toHaveLength(everyone.length * videos.length);
    const after = await counts();
    expect(after.likes).toEqual(videos.map(() => everyone.length));
    expect(after.received.slice(0, 2)).toEqual([2 * everyone.length, 2 * everyone.length]);
    const given = await store.userStats(everyone);
    expect(given.map((row) => Number(row.likes_given))).toEqual(everyone.map(() => videos.length));
  });

  it("in any order on many videos of the same authors, nothing deadlocks", async () => {
    const authors = 150;
    const of = (from: number) =>
      Array.from({ length: authors }, (_, i) => ({ videoId: String(from + i), authorId: String(i + 1) }));
    const [odd, even] = [of(10_000), of(20_000)];
    await addVideos(test.db, [...odd, ...even]);
    // Transactions on the same videos meet at their rows, others at those of the authors.
    const batches = Array.from({ length: 16 }, (_, n) =>
      [odd, even]
        [n % 2]!.map(({ videoId }) => ({
          videoId,
          userId: String(1000 + n),
          reaction: 1 as const,
          id: String(++lastId),
        }))
        .sort(
          (a, b) =>
            ((Number(a.videoId) * 7919 * (n + 1)) % 1009) - ((Number(b.videoId) * 7919 * (n + 1)) % 1009),
        ),
    );
    const changed = await Promise.all(batches.map((batch) => store.apply(batch)));
    expect(changed.flat().every((one) => one === true)).toBe(true);
    const received = await store.userStats(odd.map(({ authorId }) => authorId));
    expect(received.map((row) => row.likes_received)).toEqual(odd.map(() => "16"));
  });
});

describe("events", () => {
  it("tell what changed and nothing else", async () => {
    const like: ReactionCommand = { videoId: "101", userId: "3", reaction: 1, id: "1" };
    await store.apply([like]);
    await store.apply([like]);
    await store.apply([{ ...like, reaction: -1 }]);
    await store.apply([{ ...like, reaction: 0, insteadOf: 1 }]);
    const { rows } = await test.database.pool.query(
      "select type, key, payload from events.log order by position",
    );
    expect(rows.map(({ type, key }) => [type, key])).toEqual([
      ["interaction.reacted.v1", "101 3"],
      ["interaction.reacted.v1", "101 3"],
    ]);
    const [first, second] = rows.map(({ payload }) => fromBinary(ReactedSchema, payload));
    expect(first).toMatchObject({ videoId: "101", userId: "3", authorId: "1", was: 0, now: 1 });
    expect(second).toMatchObject({ was: 1, now: -1 });
  });
});

describe("liked", () => {
  it("pages in the order of likes, whatever is liked meanwhile", async () => {
    const like = (videoId: string, reaction: StoredReaction = 1) =>
      store.apply([{ videoId, userId: "3", reaction, id: String(++lastId) }]);
    for (const videoId of ["102", "101", "104"]) await like(videoId);
    await like("101", -1);
    await like("101");
    const first = await store.liked("3", undefined, 2);
    expect(first.map((row) => row.video_id)).toEqual(["101", "104"]);
    await like("103");
    const second = await store.liked("3", first[1]!.id, 2);
    expect(second.map((row) => row.video_id)).toEqual(["102"]);
  });
});
