import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type Database, openDatabase } from "#platform/db/database.ts";
import { migrate } from "#platform/db/migrate.ts";
import { createEvents } from "#platform/events/events.ts";
import { migrations as eventMigrations } from "#platform/events/migrations.ts";
import { createLog } from "#platform/observe/log.ts";
import { createTestDatabaseFrom } from "#platform/testing/test-database.ts";
import { migrations } from "./migrations.ts";
import { type Opinion, type ReactionStore, reactionStore } from "./reaction-store.ts";
import type { Tables } from "./tables.ts";
import { addVideos } from "./video-rows.ts";

const log = createLog("silent");
let database: Database;
let store: ReactionStore;
let drop: () => Promise<void>;

/** Videos 101 to 104, of persons 1 and 2 in turn. */
const videos = ["101", "102", "103", "104"];
const authorOf = (videoId: string) => String(2 - (Number(videoId) % 2));
const people = ["1", "2", "3", "4", "5"];

beforeAll(async () => {
  const test = await createTestDatabaseFrom("interaction_1", async (url) => {
    const fresh = openDatabase(url, { log });
    await migrate(fresh, "events", eventMigrations);
    await migrate(fresh, "interaction", migrations);
    await fresh.close();
  });
  drop = test.drop;
  database = openDatabase(test.url, { log });
  store = reactionStore(database.of<Tables>("interaction"), createEvents());
});

afterAll(async () => {
  await database.close();
  await drop();
});

beforeEach(empty);

async function empty(): Promise<void> {
  await database.pool.query(
    "truncate interaction.video, interaction.person, interaction.reaction, interaction.comment, events.log",
  );
  await addVideos(
    database.of<Tables>("interaction"),
    videos.map((videoId) => ({ videoId, authorId: authorOf(videoId) })),
  );
}

/** Every count, with and without the facts that say otherwise. */
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
function recount(facts: Map<string, Opinion>) {
  const all = [...facts].map(([pair, opinion]) => ({ pair: pair.split(" ") as [string, string], opinion }));
  const count = (matches: (fact: { pair: [string, string]; opinion: Opinion }) => boolean) =>
    all.filter(matches).length;
  return {
    likes: videos.map((id) => count(({ pair, opinion }) => pair[0] === id && opinion === 1)),
    dislikes: videos.map((id) => count(({ pair, opinion }) => pair[0] === id && opinion === -1)),
    received: people.map((id) => count(({ pair, opinion }) => authorOf(pair[0]) === id && opinion === 1)),
    given: people.map((id) => count(({ pair, opinion }) => pair[1] === id && opinion === 1)),
  };
}

const wish = fc.record(
  {
    videoId: fc.constantFrom(...videos),
    userId: fc.constantFrom(...people),
    opinion: fc.constantFrom<Opinion>(1, -1, 0),
    insteadOf: fc.constantFrom<Opinion>(1, -1),
  },
  { requiredKeys: ["videoId", "userId", "opinion"] },
);
let lastId = 0;

describe("apply", () => {
  it("keeps facts and counts as a naive map has them, whatever the order", async () => {
    const batch = fc.uniqueArray(wish, { selector: (one) => `${one.videoId} ${one.userId}`, minLength: 1 });
    await fc.assert(
      fc.asyncProperty(fc.array(batch), async (batches) => {
        await empty();
        const facts = new Map<string, Opinion>();
        for (const wishes of batches) {
          const expected = wishes.map(({ videoId, userId, opinion, insteadOf }) => {
            const pair = `${videoId} ${userId}`;
            const was = facts.get(pair) ?? 0;
            if (was === opinion || (insteadOf !== undefined && insteadOf !== was)) return false;
            facts.set(pair, opinion);
            return true;
          });
          expect(await store.apply(wishes.map((one) => ({ ...one, id: String(++lastId) })))).toEqual(
            expected,
          );
        }
        expect(await counts()).toEqual(recount(facts));
        const pairs = videos.flatMap((videoId) => people.map((userId) => ({ videoId, userId })));
        expect(await store.opinions(pairs)).toEqual(
          pairs.map(({ videoId, userId }) => facts.get(`${videoId} ${userId}`) ?? 0),
        );
      }),
      { numRuns: 25 },
    );
  });
});
