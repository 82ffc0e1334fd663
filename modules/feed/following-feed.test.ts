import { afterAll, beforeAll, expect, test } from "vitest";
import { perCall } from "#platform/db/database.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { boundedQueue } from "#platform/protect/bounded-queue.ts";
import type { Protection } from "#platform/protect/protection.ts";
import { type Call, withinDeadline } from "#platform/rpc/call.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { followingFeed, newest } from "./following-feed.ts";
import { migrations } from "./migrations.ts";
import { feedStore } from "./store.ts";
import type { Tables } from "./tables.ts";

const [reader, author] = ["1", "11"];
let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;

beforeAll(async () => {
  own = await createModuleDatabase<Tables>("feed", "following", migrations);
});
afterAll(() => own.drop());

/** A feed whose relation service answers when the test allows it. */
function feedOf() {
  const store = feedStore(own.db, own.events);
  let asked = 0;
  let answer!: () => void;
  const answered = new Promise<void>((resolve) => {
    answer = resolve;
  });
  let counts: () => Promise<{ relations: { following: number }[] }>;
  const relation = {
    getRelations: () => counts(),
    async listFollowing(_: unknown, call: Call) {
      asked++;
      await withinDeadline(call, () => answered);
      return { userIds: [author], next: "" };
    },
    getStandings: async ({ people }: { people: { otherIds: string[] }[] }) => ({
      standings: people.map(({ otherIds }) => otherIds.map(() => 1)),
    }),
  };
  const perCaller = perCall(own.db, (until) => feedStore(until, own.events));
  const protect: Pick<Protection, "boundedQueue"> = {
    boundedQueue: (_name, options) => boundedQueue({ ...options, maxWaiting: 10 }),
  };
  const options = { store: perCaller, relation, interaction: {}, protect, maxSources: 10 } as never;
  const read = followingFeed(options);
  const call = (timeoutMs: number) => ({ traceId: "0".repeat(32), deadlineMs: Date.now() + timeoutMs });
  return {
    store,
    answer,
    asked: () => asked,
    countFollows(how: typeof counts) {
      counts = how;
    },
    read: (timeoutMs = 10_000, by = reader!) =>
      withinDeadline(call(timeoutMs), async (own) => (await read(by, newest, 10, own)).entries),
  };
}

test("concurrent reads of an unfilled inbox share one filling, which outlasts the first of them", async () => {
  const feed = feedOf();
  await feed.store.noteVideo(own.db, { authorId: author!, videoId: "21", publishedAtMs: 31 }, false);
  const first = async () => {
    await expect(feed.read(50)).rejects.toMatchObject({ reason: "DEADLINE_EXCEEDED" });
    return feed.asked();
  };
  await expect.poll(first).toBe(1);
  const generation = async () => (await own.db.selectFrom("reader").select("generation").execute())[0];
  const opened = await generation();
  const reads = Array.from({ length: 8 }, () => feed.read());
  // Another process that reads at the same time does not wait for this one, nor this one for it.
  const elsewhere = feedOf();
  elsewhere.answer();
  expect(await elsewhere.read()).toHaveLength(1);
  feed.answer();
  for (const page of await Promise.all(reads)) expect(page.map(({ videoId }) => videoId)).toEqual(["21"]);
  expect([feed.asked(), elsewhere.asked()]).toEqual([1, 1]);
  // Only the process that filled it has raised it.
  expect(await generation()).toEqual({ generation: opened!.generation + 1 });
  expect(await feed.store.readersToFill([reader!])).toEqual({ fill: new Set(), look: new Set() });
});

test("four inboxes are filled at once, others wait, and too many are told when to come back", async () => {
  const feed = feedOf();
  await feed.store.noteVideo(own.db, { authorId: author!, videoId: "21", publishedAtMs: 31 }, false);
  const outcomes = Array.from({ length: 20 }, (_, i) =>
    feed.read(60_000, String(100 + i)).then(
      (page) => page.length,
      (error: DomainError) => error,
    ),
  );
  const refused: unknown[] = [];
  for (const outcome of outcomes) outcome.then((one) => typeof one !== "number" && refused.push(one));
  await expect.poll(() => refused.length).toBe(6);
  await expect.poll(feed.asked).toBe(4);
  for (const one of refused) expect(one).toMatchObject({ reason: "BUSY", retryAfterMs: expect.any(Number) });
  feed.answer();
  const filled = (await Promise.all(outcomes)).filter((one) => one === 1);
  expect(filled).toHaveLength(14);
});

test("a day later follows are counted, again if nobody could tell, until it is known", async () => {
  const feed = feedOf();
  const by = "200";
  feed.answer();
  await feed.read(60_000, by);
  await own.database.pool.query(
    "update feed.reader set last_read_at = now() - interval '25 hours' where user_id = 200",
  );
  let counted = 0;
  feed.countFollows(async () => {
    counted++;
    throw new DomainError("unavailable", "RELATION_UNREACHABLE", "It is away.");
  });
  for (let times = 1; times <= 2; times++) {
    await expect(feed.read(60_000, by)).rejects.toMatchObject({ reason: "RELATION_UNREACHABLE" });
    expect(counted).toBe(times);
  }
  feed.countFollows(async () => {
    counted++;
    return { relations: [{ following: 1 }] };
  });
  for (let times = 0; times < 2; times++) {
    await feed.read(60_000, by);
    expect(counted).toBe(3);
  }
});
