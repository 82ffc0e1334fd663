import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { DomainError } from "#platform/errors/domain-error.ts";
import { createSnowflake, maxId, timeOfId } from "#platform/ids/snowflake.ts";
import { drifts } from "#platform/testing/drifts.ts";
import { heldUp } from "#platform/testing/held-up.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import fc from "#platform/testing/property.ts";
import { accountErasureStore } from "./account-erasure-store.ts";
import { actStore } from "./act-store.ts";
import type { MessageRow } from "./message-row.ts";
import { migrations } from "./migrations.ts";
import { counts } from "./recount.ts";
import { recallMs } from "./rules.ts";
import { sendStore } from "./send-store.ts";
import { messageStore } from "./store.ts";
import type { Tables } from "./tables.ts";
import { timelineStore } from "./timeline-store.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
const ids = createSnowflake({ node: 1, floorMs: 0, nowMs: Date.now });
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("message", "acts", migrations);
});
afterAll(() => own.drop());
beforeEach(empty);
async function empty() {
  await own.database.pool.query(
    `truncate message.conversation, message.message, message.person, message.timeline, message.reaction,
       message.reaction_count, message.hidden`,
  );
}

const [ada, ben] = ["1", "2"];
const newest = { beforeId: maxId.toString() };
const acts = (nowMs?: () => number) => actStore(own.db, own.events, own.jobs, nowMs);
const store = () => messageStore(own.db, own.events);
async function trySend(senderId: string, receiverId: string, content: string, replyToId?: string) {
  const [sent] = await sendStore(own.db, ids, own.events, () => {})([
    {
      ...{ senderId, receiverId, content, key: undefined, friends: true, traceId: "" },
      parts: replyToId ? { replyToId } : {},
    },
  ]);
  return sent!;
}
const send = async (...words: Parameters<typeof trySend>) => (await trySend(...words)) as MessageRow;
const list = (userId: string, peerId: string) => store().messages({ userId, peerId }, newest, 500);
const by = (userId: string, peerId: string, messageId: string) => ({ userId, peerId, messageId });
const refused = (act: Promise<unknown>) =>
  act.then(
    () => "done",
    (error: DomainError) => error.reason,
  );
/** Reactions of the same millisecond are in any order. */
const sorted = (rows: (MessageRow | undefined)[]) =>
  rows.map(
    (row) =>
      row && { ...row, reactions: row.reactions?.toSorted((a, b) => (a.emoji < b.emoji ? -1 : 1)) ?? null },
  );
/** What is new in a person's timeline after a number. */
async function entries(userId: string, after: string) {
  const [now] = await timelineStore(own.db).after([{ userId, epoch: "", seq: "0" }], 0);
  const [found] = await timelineStore(own.db).after([{ userId, epoch: now!.epoch, seq: after }], 300);
  return found!.entries;
}

test("moderators recall a message for both at any time, which a repetition does not change", async () => {
  const late = await send(ada, ben, "rude");
  const answer = await send(ben, ada, "why?", late.id);
  await acts().setReaction(by(ben, ada, late.id), "👍", true);
  const before = await entries(ben, "0");
  expect(await acts().takeDown(ben, late.id, "66")).toEqual([]);
  const heads = await acts(() => Date.now() + 2 * recallMs).takeDown(ada, late.id, "77");
  expect(heads.map(({ userId }) => userId).sort()).toEqual([ada, ben]);
  for (const userId of [ada, ben]) {
    const [row, quoting] = await list(userId, userId === ada ? ben : ada);
    expect(row).toMatchObject({
      ...{ id: late.id, content: "", recalled: true, taken_down: true },
      reactions: null,
    });
    expect(quoting!.reply_to).toMatchObject({ id: late.id, content: "", recalled: true });
  }
  const [told] = await entries(ben, before.at(-1)!.seq);
  expect(told).toMatchObject({ peerId: ada, subjectId: late.id, message: { taken_down: true } });
  // Nor what its sender has taken back, or what is not there.
  await acts().recall(by(ben, ada, answer.id));
  for (const [senderId, id] of [
    [ada, late.id],
    [ben, answer.id],
    [ada, "7"],
  ] as const)
    expect(await acts().takeDown(senderId, id, "88")).toEqual([]);
  expect((await list(ada, ben)).map(({ taken_down }) => taken_down)).toEqual([true, false]);
});

describe("a random history", () => {
  const emojis = ["👍", "😂", "🎉", "🔥"];
  const step = fc.record({
    who: fc.constantFrom(ada, ben),
    what: fc.constantFrom("send", "send", "reply", "react", "react", "unreact", "recall", "hide", "read"),
    which: fc.nat(1_000),
    emoji: fc.constantFrom(...emojis),
    late: fc.boolean(),
  });
  interface Known {
    id: string;
    senderId: string;
    content: string;
    recalled: boolean;
    replyTo: string | undefined;
    reactions: { emoji: string; userId: string }[];
    hiddenBy: Set<string>;
  }

  test("is listed and counted as a naive one", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
        await empty();
        const all: Known[] = [];
        const readUpTo = new Map<string, bigint>();
        const peerOf = (who: string) => (who === ada ? ben : ada);
        const shown = (who: string) => all.filter((one) => !one.hiddenBy.has(who));
        const quote = (who: string, id: string) => {
          const target = all.find((one) => one.id === id && !one.hiddenBy.has(who));
          return {
            ...{ id, sender_id: target?.senderId ?? null, content: target?.content ?? null },
            ...{ recalled: target?.recalled ?? false, picture: false, video: false, profile: false },
          };
        };
        const rowOf = (who: string, one: Known): MessageRow => {
          const kinds = [...new Set(one.reactions.map(({ emoji }) => emoji))].map((emoji) => {
            const some = one.reactions.filter((reaction) => reaction.emoji === emoji);
            return { emoji, count: some.length, own: some.some(({ userId }) => userId === who) };
          });
          return {
            id: one.id,
            sender_id: one.senderId,
            receiver_id: peerOf(one.senderId),
            content: one.content,
            ...{ in_group: false, notice: null, people: null, taken_down: false },
            recalled: one.recalled,
            ...{ forwarded: false, picture: null, video_id: null, profile_id: null, mentions: null },
            reply_to: one.replyTo === undefined ? null : quote(who, one.replyTo),
            reactions: kinds.length > 0 ? kinds : null,
          };
        };
        for (const { who, what, which, emoji, late } of steps) {
          const peer = peerOf(who);
          const target = all[which % Math.max(1, all.length)];
          if (what === "send" || (what === "reply" && target)) {
            const replyTo = what === "reply" ? target?.id : undefined;
            const sent = await trySend(who, peer, `text ${all.length}`, replyTo);
            const why =
              replyTo &&
              (target?.hiddenBy.has(who) ? "MESSAGE_NOT_FOUND" : target?.recalled && "MESSAGE_RECALLED");
            if (why) expect(sent).toMatchObject({ reason: why });
            else
              all.push({
                ...{ id: (sent as MessageRow).id, senderId: who, content: `text ${all.length}` },
                ...{ recalled: false, replyTo, reactions: [], hiddenBy: new Set() },
              });
          } else if (!target) continue;
          else if (what === "read") {
            await store().markRead([{ userId: who, peerId: peer, upToId: target.id }]);
            const before = readUpTo.get(who) ?? 0n;
            if (BigInt(target.id) > before) readUpTo.set(who, BigInt(target.id));
          } else if (what === "hide") {
            await acts().hide(by(who, peer, target.id));
            target.hiddenBy.add(who);
          } else if (what === "recall") {
            const now = () => timeOfId(target.id) + recallMs + Number(late);
            const expected = target.hiddenBy.has(who)
              ? "MESSAGE_NOT_FOUND"
              : target.senderId !== who
                ? "NOT_YOURS"
                : late && !target.recalled
                  ? "RECALL_TOO_LATE"
                  : "done";
            expect(await refused(acts(now).recall(by(who, peer, target.id)))).toBe(expected);
            if (expected === "done")
              Object.assign(target, { recalled: true, content: "", replyTo: undefined, reactions: [] });
          } else {
            const isThere = (one: { emoji: string; userId: string }) =>
              one.emoji === emoji && one.userId === who;
            const mine = target.reactions.filter(({ userId }) => userId === who);
            const expected = target.hiddenBy.has(who)
              ? "MESSAGE_NOT_FOUND"
              : target.recalled
                ? "MESSAGE_RECALLED"
                : what === "react" && !mine.some(isThere) && mine.length === 3
                  ? "REACTIONS_TOO_MANY"
                  : "done";
            expect(await refused(acts().setReaction(by(who, peer, target.id), emoji, what === "react"))).toBe(
              expected,
            );
            if (expected !== "done") continue;
            target.reactions = target.reactions.filter((one) => !isThere(one));
            if (what === "react") target.reactions.push({ emoji, userId: who });
          }
        }
        for (const who of [ada, ben]) {
          const rows = shown(who).map((one) => rowOf(who, one));
          expect(sorted(await list(who, peerOf(who)))).toEqual(sorted(rows));
          const unread = shown(who).filter(
            ({ id, senderId }) => senderId !== who && BigInt(id) > (readUpTo.get(who) ?? 0n),
          ).length;
          expect(await store().unread([who])).toEqual([unread]);
          const latest = await store().latest([{ userId: who, peerId: peerOf(who) }]);
          expect(sorted(latest)).toMatchObject(sorted([rows.at(-1)]));
          expect(await store().conversations(who, maxId.toString(), 10)).toMatchObject(
            rows.length > 0 ? [{ peer_id: peerOf(who), unread, id: rows.at(-1)!.id }] : [],
          );
        }
        expect(await drifts(own.database, counts)).toEqual([]);
      }),
      { numRuns: 25 },
    );
  });
});

test("what one does is told to both, as it is then, and done again it is told to nobody", async () => {
  const { id } = await send(ada, ben, "hello");
  const first = await acts().setReaction(by(ben, ada, id), "👍", true);
  expect(first.map(({ userId, seq }) => [userId, seq])).toEqual([
    [ada, "2"],
    [ben, "2"],
  ]);
  expect(await acts().setReaction(by(ben, ada, id), "👍", true)).toEqual([]);
  expect(await acts().setReaction(by(ada, ben, id), "👍", false)).toEqual([]);
  for (const [who, mine] of [
    [ada, false],
    [ben, true],
  ] as const)
    expect(await entries(who, "1")).toMatchObject([
      { kind: 3, message: { id, content: "hello", reactions: [{ emoji: "👍", count: 1, own: mine }] } },
    ]);
  await acts().hide(by(ben, ada, id));
  expect(await acts().hide(by(ben, ada, id))).toEqual([]);
  await acts().recall(by(ada, ben, id));
  expect(await acts().recall(by(ada, ben, id))).toEqual([]);
  // Who comes now is not told what was there.
  const recalled = { id, content: "", recalled: true, reactions: null };
  expect((await entries(ada, "0")).map(({ message }) => message)).toMatchObject(Array(3).fill(recalled));
  expect((await entries(ben, "0")).map(({ message }) => message)).toEqual(Array(4).fill(null));
});

test("after two minutes it is too late to take a message back, except again", async () => {
  const [one, two] = [await send(ada, ben, "one"), await send(ada, ben, "two")];
  const at = (id: string, ms: number) => acts(() => timeOfId(id) + ms).recall(by(ada, ben, id));
  expect(await refused(at(one.id, recallMs + 1))).toBe("RECALL_TOO_LATE");
  expect(await refused(at(two.id, recallMs))).toBe("done");
  expect(await refused(at(two.id, recallMs + 1))).toBe("done");
  const { rows } = await own.database.pool.query("select content from message.message order by id");
  expect(rows).toEqual([{ content: "one" }, { content: "" }]);
});

test("messages of others' conversations are not there, whatever one does with them", async () => {
  const { id } = await send(ada, ben, "secret");
  for (const [who, peer] of [
    ["3", ada],
    ["3", ben],
    [ada, "3"],
  ] as const) {
    const act = by(who, peer, id);
    for (const attempt of [
      () => acts().setReaction(act, "👍", true),
      () => acts().recall(act),
      () => acts().hide(act),
      () => acts().hide({ ...act, messageId: maxId.toString() }),
    ])
      expect(await refused(attempt())).toBe("MESSAGE_NOT_FOUND");
    expect(await acts().reactions(act, undefined, 10)).toEqual([]);
    expect(await trySend(who, peer, "about it", id)).toMatchObject({ reason: "MESSAGE_NOT_FOUND" });
  }
});

test("reactions of many at once are counted exactly, and have a bound", async () => {
  const { id } = await send(ada, ben, "hello");
  const emojis = Array.from({ length: 30 }, (_, i) => String.fromCodePoint(0x1f600 + i));
  const outcomes = await Promise.all(
    emojis.flatMap((emoji) =>
      [ada, ben].map((who) => refused(acts().setReaction(by(who, who === ada ? ben : ada, id), emoji, true))),
    ),
  );
  expect(outcomes.filter((outcome) => outcome === "done")).toHaveLength(6);
  expect(new Set(outcomes)).toEqual(new Set(["done", "REACTIONS_TOO_MANY"]));
  expect(await drifts(own.database, counts)).toEqual([]);
  const people = await acts().reactions(by(ada, ben, id), undefined, 4);
  const rest = await acts().reactions(by(ada, ben, id), people.at(-1), 4);
  expect(new Set([...people, ...rest].map(({ user_id, emoji }) => user_id + emoji)).size).toBe(6);
});

test("a conversation of which one has removed everything is not listed, until somebody writes", async () => {
  const [one, two] = [await send(ada, ben, "one"), await send(ben, ada, "two")];
  for (const { id } of [two, one]) await acts().hide(by(ada, ben, id));
  expect(await store().conversations(ada, maxId.toString(), 10)).toEqual([]);
  expect(await store().latest([{ userId: ada, peerId: ben }])).toEqual([undefined]);
  const three = await send(ben, ada, "three");
  expect(await store().conversations(ada, maxId.toString(), 10)).toMatchObject([{ id: three.id, unread: 1 }]);
  expect(await drifts(own.database, counts)).toEqual([]);
});

describe("an account that is deleted", () => {
  const eve = "500";
  const erasure = () => accountErasureStore(own.db, own.jobs);
  async function erase() {
    await erasure().markDeleted(eve);
    for (const peer of await erasure().peers(eve)) while (await erasure().removeMessages(eve, peer));
    while (await erasure().removeActs(eve));
  }
  const left = async () =>
    Promise.all(
      ["message.reaction", "message.reaction_count", "message.hidden"].map(
        async (table) => (await own.database.pool.query(`select from ${table}`)).rowCount,
      ),
    );

  test("takes everything along that was done with its messages", async () => {
    const [one, two] = [await send(eve, ada, "one"), await send(ada, eve, "two")];
    await acts().setReaction(by(eve, ada, two.id), "👍", true);
    await acts().setReaction(by(ada, eve, one.id), "👍", true);
    await acts().hide(by(eve, ada, two.id));
    await acts().hide(by(ada, eve, one.id));
    await erase();
    expect(await left()).toEqual([0, 0, 0]);
    expect(await drifts(own.database, counts)).toEqual([]);
  });

  test("leaves no reaction in a conversation that stays", async () => {
    const { id } = await send(ada, ben, "stays");
    await acts().setReaction(by(ben, ada, id), "👍", true);
    // As a member of a group would.
    await own.database.pool.query(
      `insert into message.reaction select low_id, high_id, message_id, ${eve}, e, 1 from message.reaction, unnest(array['👍', '😂']) e;
       update message.reaction_count set count = 2;
       insert into message.reaction_count select low_id, high_id, message_id, '😂', 1, 1 from message.reaction_count;
       insert into message.hidden select ${eve}, low_id, high_id, message_id from message.reaction_count limit 1`,
    );
    await erase();
    expect(await left()).toEqual([1, 1, 0]);
    expect(await drifts(own.database, counts)).toEqual([]);
  });

  test("does nothing any more, and is told nothing", async () => {
    const { id } = await send(ada, eve, "hello");
    await erasure().markDeleted(eve);
    expect(await refused(acts().setReaction(by(eve, ada, id), "👍", true))).toBe("SESSION_ENDED");
    expect(await acts().setReaction(by(ada, eve, id), "👍", true)).toMatchObject([{ userId: ada }]);
  });

  test("is not told of what is under way when it is marked", async () => {
    const { id } = await send(ada, eve, "hello");
    const hold = "select from message.person where user_id = 1 for update";
    const heads = await heldUp(
      own.database.pool,
      hold,
      () => acts().setReaction(by(ada, eve, id), "👍", true),
      () => erasure().markDeleted(eve),
    );
    expect(heads).toMatchObject([{ userId: ada }]);
  });
});
