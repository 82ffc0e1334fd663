import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { notificationKinds as kinds } from "#contracts/notification-kinds.ts";
import { idAtTime } from "#platform/ids/snowflake.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import fc from "#platform/testing/property.ts";
import { tellEveryMs } from "../late-teller.ts";
import { migrations } from "../migrations.ts";
import type { Tables } from "../tables.ts";
import { type Change, changesOf, type Fact } from "./changes.ts";
import { notificationHandlers } from "./handlers.ts";
import { applyToLists, maxFacts, notificationStore } from "./notification-store.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("message", "notifications", migrations);
});
afterAll(() => own.drop());

const tables = ["person", "timeline", "notified", "notification", "notification_fact", "invitation"];
const clear = () =>
  own.database.pool.query(
    `truncate ${[...tables, "notification_block", "notification_gone_video"].map((name) => `message.${name}`)}`,
  );
beforeEach(clear);

const store = () => notificationStore(own.db, own.events);
const apply = (changes: Change[], nowMs?: number) =>
  own.events.transaction(own.db, (on, emit) =>
    applyToLists(on, changes, { emit, push: async () => {} }, nowMs),
  );
const like = (userId: string, videoId: string, actorId: string, atMs = 1): Fact => ({
  ...{ userId, kind: kinds.like, subjectId: videoId, factId: actorId, actorId, videoId, threadId: "0", atMs },
});
const add = (fact: Fact): Change => ({ what: "add", fact });
const remove = (fact: Fact): Change => ({ what: "remove", fact });
const entriesOf = async (userId: string) => {
  const { rows } = await own.database.pool.query(
    "select kind, actor_id::int, subject_id::text from message.timeline where user_id = $1 order by seq",
    [userId],
  );
  return rows.map((row) => `${row.kind} ${row.actor_id} ${row.subject_id}`);
};

/** A list as a person sees it, without its order: what came first depends on which of two came first. */
async function listOf(userId: string) {
  const rows = await store().list(userId, "9223372036854775807", 50);
  const shown = rows.map(
    (row) => `${row.kind} ${row.subject_id}: ${row.people} ${row.actor_ids.join(",")} at ${row.at_ms}`,
  );
  return shown.sort();
}

test("people are told what moderators do to them and what is theirs, each act for itself, and by nobody", async () => {
  const acted = (actId: string, act: string, more: object = {}) =>
    changesOf({
      type: "moderation.acted.v1",
      message: {
        ...{ actId, act, subjectKind: "comment", subjectId: "80", ownerId: "1", videoId: "11" },
        ...{ reason: "abuse", untilMs: 0, atMs: 5, ...more },
      },
    } as never);
  const ofVideo = { subjectKind: "video", subjectId: "12", videoId: "12" };
  await apply([
    ...acted("70", "take-down"),
    ...acted("70", "take-down"),
    ...acted("71", "restore", ofVideo),
    ...["dismiss", "keep", "release"].flatMap((act) => acted("72", act)),
    ...acted("73", "warn", { ownerId: "" }),
  ]);
  expect(await listOf("1")).toEqual([`${kinds.moderation} 70: 1 0 at 5`, `${kinds.moderation} 71: 1 0 at 5`]);
  const { listNotifications } = notificationHandlers((() => store()) as never, () => {});
  const { notifications } = await listNotifications(
    { cursor: "", limit: 9 } as never,
    { callerId: "1" } as never,
  );
  const shown = { kind: kinds.moderation, people: 0, actorIds: [], commentId: "" };
  expect(notifications).toMatchObject([
    { ...shown, subjectId: "71", videoId: "12" },
    { ...shown, subjectId: "70", videoId: "" },
  ]);
});

const people = ["1", "2", "3", "4"];
/** Each of a person's. */
const videos = ["11", "12", "21"];
const authorOf = (videoId: string) => videoId[0]!;

/** What happened, one after the other, as the simplest program has it. */
function model(changes: readonly Change[]) {
  let facts: Fact[] = [];
  const blocks = new Set<string>();
  const gone = new Set<string>();
  const same = (one: Fact) => (other: Fact) =>
    one.userId === other.userId &&
    one.kind === other.kind &&
    one.subjectId === other.subjectId &&
    one.factId === other.factId;
  for (const change of changes) {
    if (change.what === "add") {
      const { fact } = change;
      const wanted = !blocks.has(`${fact.userId} ${fact.actorId}`) && !gone.has(fact.videoId);
      if (wanted && !facts.some(same(fact))) facts.push(fact);
    } else if (change.what === "remove") facts = facts.filter((one) => !same(change.fact)(one));
    else if (change.what === "video-gone") {
      gone.add(change.videoId);
      facts = facts.filter(({ videoId }) => videoId !== change.videoId);
    } else if (change.what === "comment-gone")
      facts = facts.filter(
        ({ threadId, factId }) =>
          threadId !== change.threadId || (change.replyId !== undefined && factId !== change.replyId),
      );
    else if (change.what === "block") {
      blocks.add(`${change.userId} ${change.actorId}`);
      facts = facts.filter(({ userId, actorId }) => userId !== change.userId || actorId !== change.actorId);
    } else blocks.delete(`${change.userId} ${change.actorId}`);
  }
  return (userId: string) => {
    const groups = new Map<string, Fact[]>();
    for (const fact of facts.filter((one) => one.userId === userId)) {
      const key = `${fact.kind} ${fact.subjectId}`;
      groups.set(key, [...(groups.get(key) ?? []), fact]);
    }
    const shown = [...groups].map(([key, all]) => {
      const lastOf = new Map<string, number>();
      for (const { actorId, atMs } of all) lastOf.set(actorId, Math.max(atMs, lastOf.get(actorId) ?? 0));
      const latest = [...lastOf].sort(([a, aMs], [b, bMs]) => bMs - aMs || Number(a) - Number(b));
      const actors = latest.slice(0, 3).map(([actorId]) => actorId);
      return `${key}: ${lastOf.size} ${actors.join(",")} at ${latest[0]![1]}`;
    });
    return shown.sort();
  };
}

const pair = fc.record({ actorId: fc.constantFrom(...people), videoId: fc.constantFrom(...videos) });
const anyFact: fc.Arbitrary<Fact> = fc
  .record({
    of: pair,
    commentId: fc.integer({ min: 101, max: 106 }).map(String),
    kind: fc.constantFrom(kinds.like, kinds.comment, kinds.reply, kinds.mention),
    atMs: fc.integer({ min: 1, max: 9 }),
  })
  .map(({ of: { actorId, videoId }, commentId, kind, atMs }) => {
    if (kind === kinds.like) return like(authorOf(videoId), videoId, actorId, atMs);
    // A comment has one place and one author.
    const threadId = Number(commentId) > 103 ? "101" : commentId;
    const [place, author] = [videos[Number(threadId) % 3]!, people[Number(commentId) % 4]!];
    const subjectId = kind === kinds.comment ? place : kind === kinds.reply ? threadId : commentId;
    const userId = kind === kinds.comment ? authorOf(place) : actorId;
    return { userId, kind, subjectId, factId: commentId, actorId: author, videoId: place, threadId, atMs };
  })
  .filter(({ userId, actorId }) => userId !== actorId);
const anyChange: fc.Arbitrary<Change> = fc.oneof(
  { weight: 8, arbitrary: anyFact.map(add) },
  { weight: 3, arbitrary: anyFact.map(remove) },
  {
    weight: 1,
    arbitrary: pair.map(
      ({ actorId, videoId }): Change => ({ what: "block", userId: authorOf(videoId), actorId }),
    ),
  },
  {
    weight: 1,
    arbitrary: pair.map(
      ({ actorId, videoId }): Change => ({ what: "unblock", userId: authorOf(videoId), actorId }),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom<Change>(
      { what: "comment-gone", threadId: "101" },
      { what: "comment-gone", threadId: "102" },
      { what: "comment-gone", threadId: "101", replyId: "104" },
    ),
  },
  {
    weight: 1,
    arbitrary: fc
      .constantFrom(...videos)
      .map((videoId): Change => ({ what: "video-gone", videoId, authorId: authorOf(videoId) })),
  },
);

test("however what happened is cut into batches, and told again, the lists are those of one after the other", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.array(anyChange, { minLength: 1, maxLength: 12 }), { maxLength: 5 }),
      fc.boolean(),
      async (batches, again) => {
        await clear();
        for (const batch of batches) await apply(batch);
        // As when an operator resets the group.
        if (again) await apply(batches.flat());
        const expected = model(batches.flat());
        for (const userId of people) {
          expect(await listOf(userId)).toEqual(expected(userId));
          expect(await store().unseen([userId])).toEqual([expected(userId).length]);
        }
      },
    ),
    { numRuns: 60 },
  );
});

test("likes of many people at the same time are counted exactly, as are those that are taken back", async () => {
  const actors = Array.from({ length: 60 }, (_, i) => String(100 + i));
  await Promise.all(actors.map((actorId) => apply([add(like("1", "11", actorId))])));
  await Promise.all(actors.slice(0, 25).map((actorId) => apply([remove(like("1", "11", actorId))])));
  expect(await listOf("1")).toEqual(["2 11: 35 125,126,127 at 1"]);
});

test("of a thousand likes at once devices are told twice: of the first, and of the last some seconds later", async () => {
  for (let i = 0; i < 1_000; i += 50)
    await apply(
      Array.from({ length: 50 }, (_, j) => add(like("1", "11", String(100 + i + j)))),
      1_000_000,
    );
  expect(await entriesOf("1")).toEqual(["5 2 11"]);
  expect((await store().tellLate(1_000_000 + tellEveryMs - 1)).heads).toEqual([]);
  expect((await store().tellLate(1_000_000 + tellEveryMs)).heads).toEqual([{ userId: "1", seq: "2" }]);
  expect((await store().tellLate(2_000_000)).heads).toEqual([]);
  expect(await entriesOf("1")).toEqual(["5 2 11", "5 2 11"]);
});

test("however many things have news, a person's devices are told once in some seconds, and of the latest", async () => {
  let atMs = 1_000_000;
  for (let i = 0; i < 10; i++) {
    for (const videoId of ["101", "102", "103"])
      await apply([add(like("1", videoId, String(200 + i))), add(like("1", "104", String(200 + i)))], atMs);
    atMs += tellEveryMs / 5;
  }
  await store().tellLate(atMs + tellEveryMs);
  // At 0 and 5 seconds, and of what came after that.
  expect(await entriesOf("1")).toEqual(["5 2 104", "5 2 104", "5 2 103"]);
  expect((await store().tellLate(atMs + 3 * tellEveryMs)).heads).toEqual([]);
});

test("whom a clock far ahead has told is told by the others nevertheless", async () => {
  await apply([add(like("1", "11", "2"))], 1_000_000);
  await apply([add(like("1", "11", "3"))], 1_000_100);
  const ahead = () => own.db.updateTable("notified").set({ told_ms: "2000000" }).execute();
  await ahead();
  expect((await store().tellLate(1_000_200)).heads).toEqual([{ userId: "1", seq: "2" }]);
  await ahead();
  await apply([add(like("1", "12", "3"))], 1_000_300);
  expect(await entriesOf("1")).toEqual(["5 2 11", "5 2 11", "5 2 12"]);
});

test("each is told of what waits for them when it is due, although others are told before", async () => {
  await apply([add(like("1", "11", "2"))], 1_000_000);
  await apply([add(like("1", "11", "3"))], 1_000_100);
  await apply([add(like("2", "21", "3"))], 1_003_000);
  expect((await apply([add(like("2", "21", "1"))], 1_003_500)).lateAtMs).toBe(1_003_000 + tellEveryMs);
  expect(await store().tellLate(1_000_000 + tellEveryMs)).toEqual({
    heads: [{ userId: "1", seq: "2" }],
    nextAtMs: 1_003_000 + tellEveryMs,
  });
  expect(await store().tellLate(1_003_000 + tellEveryMs)).toEqual({
    heads: [{ userId: "2", seq: "2" }],
    nextAtMs: undefined,
  });
});

test("what fell out again before it is told is told to nobody", async () => {
  await apply([add(like("1", "11", "2"))], 1_000_000);
  await apply([add(like("1", "12", "2"))], 1_000_100);
  await apply([remove(like("1", "12", "2"))], 1_000_200);
  expect(await store().tellLate(1_000_000 + tellEveryMs)).toEqual({ heads: [], nextAtMs: undefined });
});

test("a deleted account stops nobody's late news, and changes nothing for itself any more", async () => {
  for (const userId of ["1", "3"]) {
    await apply([add(like(userId, "11", "2"))], 1_000_000);
    await apply([add(like(userId, "11", "4"))], 1_000_100);
  }
  await own.database.pool.query("update message.person set gone = true where user_id = 1");
  expect(await store().tellLate(1_000_000 + tellEveryMs)).toEqual({
    heads: [{ userId: "3", seq: "2" }],
    nextAtMs: undefined,
  });
  expect(await store().markSeen("1", "1")).toEqual([]);
  expect(await store().set("1", [{ kind: kinds.like, list: false, push: false }])).toEqual([]);
});

test("an invitation is told while it is there, however late", async () => {
  const invited = (groupId: string): Change => ({
    what: "add",
    fact: { ...like("1", groupId, "2", 7), kind: kinds.invitation, videoId: "0" },
  });
  const invitation = { group_id: "90", user_id: "1", inviter_id: "2", id: idAtTime(Date.now()).toString() };
  await own.db.insertInto("invitation").values(invitation).execute();
  await apply([invited("90"), invited("91")]);
  expect(await listOf("1")).toEqual(["8 90: 1 2 at 7"]);
  expect(await store().unseen(["1"])).toEqual([1]);
  await own.db.updateTable("invitation").set({ closed: true }).execute();
  expect(await listOf("1")).toEqual([]);
  expect(await store().unseen(["1"])).toEqual([0]);
});

test("of very many likes some are kept and all are counted, also when one of the others is taken back", async () => {
  const all = Array.from({ length: maxFacts * 2 }, (_, i) => like("1", "11", String(10_000 + i), i + 1));
  for (let i = 0; i < all.length; i += 250) await apply(all.slice(i, i + 250).map(add));
  const kept = async () =>
    (await own.database.pool.query("select count(*)::int from message.notification_fact")).rows[0].count;
  expect(await kept()).toBeLessThanOrEqual(maxFacts * 1.1);
  const [last, first] = [all.at(-1)!, all[0]!];
  const shown = (count: number) => [
    `2 11: ${count} ${[1, 2, 3].map((back) => all.at(-back)!.actorId).join(",")} at ${last.atMs}`,
  ];
  expect(await listOf("1")).toEqual(shown(maxFacts * 2));
  await apply([remove(first)]);
  expect(await listOf("1")).toEqual(shown(maxFacts * 2 - 1));
});

test("what was seen stays seen until something is new, and the mark goes neither back nor ahead", async () => {
  await apply([add(like("1", "11", "2")), add(like("1", "12", "2"))]);
  const positions = async () =>
    (await store().list("1", "9223372036854775807", 50)).map(({ position, seen }) => [position, seen]);
  expect(await positions()).toEqual([
    ["2", false],
    ["1", false],
  ]);
  expect(await store().markSeen("1", "1")).toEqual([{ userId: "1", seq: "2" }]);
  expect(await store().unseen(["1", "2"])).toEqual([1, 0]);
  await store().markSeen("1", "900");
  expect(await store().markSeen("1", "1")).toEqual([]);
  expect(await store().unseen(["1"])).toEqual([0]);
  await apply([add(like("1", "11", "3"))]);
  expect(await positions()).toEqual([
    ["3", false],
    ["2", true],
  ]);
});

test("a kind that is switched off is not in the list, not counted and not told, and is back when it is switched on", async () => {
  await store().set("1", [{ kind: kinds.like, list: false, push: true }]);
  await apply([add(like("1", "11", "2"))]);
  expect(await listOf("1")).toEqual([]);
  expect(await store().unseen(["1"])).toEqual([0]);
  expect(await entriesOf("1")).toEqual(["5 0 0"]);
  await store().set("1", [{ kind: kinds.like, list: true, push: false }]);
  expect(await store().settings("1")).toEqual({ unlisted: [], unpushed: [kinds.like] });
  expect(await listOf("1")).toEqual(["2 11: 1 2 at 1"]);
});

test("a deleted account has no list any more, and is told nothing", async () => {
  await apply([add(like("1", "11", "2")), add(like("3", "31", "2"))]);
  await own.database.pool.query("update message.person set gone = true where user_id = 1");
  await store().erase("1");
  await apply([add(like("1", "11", "4")), add(like("3", "31", "4"))]);
  expect(await listOf("1")).toEqual([]);
  expect(await listOf("3")).toEqual(["2 31: 2 2,4 at 1"]);
  const { rows } = await own.database.pool.query("select from message.notified where user_id = 1");
  expect(rows).toEqual([]);
});

test("a person keeps the latest five hundred", async () => {
  for (let i = 0; i < 12; i++)
    await apply(Array.from({ length: 50 }, (_, j) => add(like("1", String(1_000 + i * 50 + j), "2"))));
  const { rows } = await own.database.pool.query(
    "select count(*)::int, min(subject_id)::int, (select count(*)::int from message.notification_fact) as facts from message.notification",
  );
  expect(rows).toEqual([{ count: 500, min: 1_100, facts: 500 }]);
});
