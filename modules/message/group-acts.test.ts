import { fromBinary } from "@bufbuild/protobuf";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { TimelinesGrownSchema } from "#contracts/gen/message_events_pb.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { createSnowflake, maxId } from "#platform/ids/snowflake.ts";
import type { Job } from "#platform/jobs/workers.ts";
import { drifts } from "#platform/testing/drifts.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import fc from "#platform/testing/property.ts";
import { accountErasureStore } from "./account-erasure-store.ts";
import { actStore } from "./act-store.ts";
import { groupSendStore } from "./group-send-store.ts";
import { groupStore } from "./group-store.ts";
import type { MessageRow } from "./message-row.ts";
import { migrations } from "./migrations.ts";
import type { MessageParts } from "./new-messages.ts";
import { counts } from "./recount.ts";
import { removeGroup } from "./remove-group.ts";
import { maxSearchedGroups } from "./rules.ts";
import { searchStore } from "./search-store.ts";
import { messageStore } from "./store.ts";
import type { Tables } from "./tables.ts";
import { timelineStore } from "./timeline-store.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
const ids = createSnowflake({ node: 1, floorMs: 0, nowMs: Date.now });
let groupId = "";
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("message", "group_acts", migrations);
});
afterAll(() => own.drop());
const tables = [
  ...["conversation", "message", "person", "timeline", "group_chat", "member", "notice_person", "job"],
  ...["former_member", "invitation"],
  ...["reaction", "reaction_count", "hidden", "picture", "mention"],
].map((table) => `message.${table}`);
/** A group of 1, 2 and 3. */
async function begin() {
  await own.database.pool.query(`truncate ${tables.join(", ")}, events.log`);
  const brought = { friends: ["2", "3"], others: [] };
  groupId = (await groups().create("1", "The group", brought, undefined)).groupId;
}
beforeEach(begin);

const newest = { beforeId: maxId.toString() };
const writer = () => ({ db: own.db, ids, events: own.events, reached: () => {} });
const groups = () => groupStore(writer(), own.jobs);
const acts = () => actStore(own.db, own.events, own.jobs);
const store = () => messageStore(own.db, own.events);
const rowsOf = async (sql: string) => (await own.database.pool.query(sql)).rows;
async function lastGrown() {
  const [event] = await rowsOf(
    "select payload from events.log where type = 'message.timelines_grown.v1' order by position desc limit 1",
  );
  const { groupId: group, userIds } = fromBinary(TimelinesGrownSchema, event.payload);
  return [group, userIds.sort()];
}
async function trySay(senderId: string, content: string, parts: MessageParts = {}) {
  const command = { senderId, groupId, content, key: undefined, parts, traceId: "" };
  const [sent] = await groupSendStore(writer())([command]);
  return sent!;
}
const say = async (...words: Parameters<typeof trySay>) => (await trySay(...words)) as MessageRow;
const list = (userId: string) => store().messages({ userId, peerId: groupId }, newest, 500);
const by = (userId: string, messageId: string) => ({ userId, peerId: groupId, messageId });
const picture = { key: "message/large.jpg", small_key: "message/small.jpg", width: 2, height: 1 };
/** The reason of a refusal; undefined if there is none. */
const reasonOf = (act: Promise<unknown>) =>
  act.then(
    (done) => (done instanceof DomainError ? done.reason : undefined),
    (error: DomainError) => error.reason,
  );
const reasonsOfAll = (act: ReturnType<typeof by>) =>
  Promise.all([acts().setReaction(act, "👍", true), acts().recall(act), acts().hide(act)].map(reasonOf));
async function entries(userId: string) {
  const [now] = await timelineStore(own.db).after([{ userId, epoch: "", seq: "0" }], 0);
  const [found] = await timelineStore(own.db).after([{ userId, epoch: now!.epoch, seq: "0" }], 300);
  return found!.entries;
}

test("moderators recall what somebody said in a group that they have left, for everybody in it", async () => {
  const said = await say("2", "rude", { picture, mentions: [{ name_key: "c", user_id: "3" }] });
  await groups().remove(groupId, "2", "2");
  const heads = await acts().takeDown("2", said.id, "77");
  expect(heads.map(({ userId }) => userId).sort()).toEqual(["1", "3"]);
  expect(await lastGrown()).toEqual([groupId, ["1", "3"]]);
  const down = { content: "", picture: null, recalled: true, taken_down: true };
  for (const userId of ["1", "3"])
    expect((await list(userId)).find(({ id }) => id === said.id)).toMatchObject(down);
  const removals = await rowsOf("select key from message.job where kind = 'remove-picture' order by key");
  expect(removals.map(({ key }) => key.split(" ")[0])).toEqual([picture.key, picture.small_key]);
});

const people = ["1", "2", "3"];
const step = fc.record({
  who: fc.constantFrom(...people),
  what: fc.constantFrom("say", "say", "hide", "hide", "recall", "react", "read", "mute"),
  which: fc.nat(1_000),
});

test("whatever people do with messages, each sees and has not read what a naive group says", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 20, maxLength: 60 }), async (steps) => {
      await begin();
      const lastNotice = (await list("1")).at(-1)!.id;
      const all: {
        id: string;
        senderId: string;
        recalled: boolean;
        hiddenBy: Set<string>;
        mentions: string[];
      }[] = [];
      const readUpTo = new Map<string, bigint>();
      const muted = new Set<string>();
      for (const { who, what, which } of steps) {
        const target = all[which % Math.max(1, all.length)];
        if (what === "say") {
          const mentions = [people[which % 4]!, "9"].filter((one) => one && one !== who);
          const named = mentions.map((user_id) => ({ name_key: `p${user_id}`, user_id }));
          const { id } = await say(who, "hello", { mentions: named });
          all.push({ id, senderId: who, recalled: false, hiddenBy: new Set(), mentions });
        } else if (what === "mute") {
          if (!muted.delete(who)) muted.add(who);
          await store().mute({ userId: who, peerId: groupId }, muted.has(who));
        } else if (!target) continue;
        else if (what === "hide") {
          await acts().hide(by(who, target.id));
          target.hiddenBy.add(who);
        } else if (what === "read") {
          await store().markRead([{ userId: who, peerId: groupId, upToId: target.id }]);
          if (BigInt(target.id) > (readUpTo.get(who) ?? 0n)) readUpTo.set(who, BigInt(target.id));
        } else {
          const isThere = !target.hiddenBy.has(who);
          const act = by(who, target.id);
          const done = await reasonOf(
            what === "react" ? acts().setReaction(act, "👍", true) : acts().recall(act),
          );
          const mine = target.senderId === who;
          const recallable = mine ? undefined : "NOT_YOURS";
          const reactable = target.recalled ? "MESSAGE_RECALLED" : undefined;
          expect(done).toBe(isThere ? (what === "react" ? reactable : recallable) : "MESSAGE_NOT_FOUND");
          if (what === "recall" && isThere && mine) target.recalled = true;
        }
      }
      for (const who of people) {
        const shown = all.filter(({ hiddenBy }) => !hiddenBy.has(who));
        const rest = shown.filter(
          ({ id, senderId }) => senderId !== who && BigInt(id) > (readUpTo.get(who) ?? 0n),
        );
        const unread = rest.length;
        const mentioned = rest.filter(({ mentions }) => mentions.includes(who)).length;
        const said = (await list(who)).filter(({ notice }) => notice === null);
        expect(said.map(({ id, recalled }) => [id, recalled])).toEqual(
          shown.map(({ id, recalled }) => [id, recalled]),
        );
        expect(await store().unread([who])).toEqual([muted.has(who) ? mentioned : unread]);
        expect(await store().conversations(who, maxId.toString(), 10)).toMatchObject([
          { peer_id: groupId, id: shown.at(-1)?.id ?? lastNotice, unread, mentioned, muted: muted.has(who) },
        ]);
      }
      expect(await drifts(own.database, counts)).toEqual([]);
    }),
    { numRuns: 25 },
  );
});

test("a mention counts in a muted group, until it is read or its author or reader goes", async () => {
  const mention = (userId: string) => [{ name_key: `p${userId}`, user_id: userId }];
  for (const who of ["2", "3"]) await store().mute({ userId: who, peerId: groupId }, true);
  const unread = () => store().unread(people);
  const { id, mentions } = await say("1", "@p2 and @p9", { mentions: [...mention("2"), ...mention("9")] });
  expect(mentions).toEqual(mention("2"));
  await say("1", "all");
  expect(await unread()).toEqual([0, 1, 0]);
  expect((await list("3")).find((one) => one.id === id)!.mentions).toEqual(mention("2"));
  await store().mute({ userId: "2", peerId: groupId }, false);
  expect(await unread()).toEqual([0, 2, 0]);
  await store().mute({ userId: "2", peerId: groupId }, true);
  expect(await unread()).toEqual([0, 1, 0]);
  await store().markRead([{ userId: "2", peerId: groupId, upToId: id }]);
  expect(await unread()).toEqual([0, 0, 0]);
  await say("1", "@p2 again", { mentions: mention("2") });
  await say("2", "@p3", { mentions: mention("3") });
  expect(await unread()).toEqual([1, 1, 1]);
  expect(await drifts(own.database, counts)).toEqual([]);
  await groups().remove(groupId, "2", "2");
  expect(await unread()).toEqual([1, 0, 1]);
  const erasure = accountErasureStore(own.db, own.jobs);
  await erasure.markDeleted("2");
  while (await erasure.removeFromGroups("2"));
  await erasure.removeTraces("2");
  expect(await unread()).toEqual([0, 0, 0]);
  expect(await rowsOf("select from message.mention")).toEqual([]);
  expect(await drifts(own.database, counts)).toEqual([]);
});

test("what one does is told to those who see the message, as it is for each, and by an event", async () => {
  const { id } = await say("2", "hello");
  await groups().add(groupId, "1", { friends: ["4"], others: [] });
  const told = await acts().setReaction(by("3", id), "👍", true);
  expect(told.map(({ userId }) => userId).sort()).toEqual(people);
  expect(await acts().setReaction(by("3", id), "👍", true)).toEqual([]);
  for (const who of people)
    expect((await entries(who)).at(-1)).toMatchObject({
      // Nothing of who did it is left with others.
      ...{ kind: 3, peerId: groupId, subjectId: id, actorId: who === "3" ? "3" : groupId },
      message: { id, in_group: true, reactions: [{ emoji: "👍", count: 1, own: who === "3" }] },
    });
  expect((await entries("4")).filter(({ kind }) => kind === 3)).toEqual([]);
  expect(await lastGrown()).toEqual([groupId, people]);
  // What one does for oneself happens in no group.
  await acts().hide(by("3", (await say("2", "another")).id));
  expect(await lastGrown()).toEqual(["", ["3"]]);
  await acts().recall(by("2", id));
  const recalled = { id, content: "", recalled: true, reactions: null };
  expect((await entries("1")).slice(-1)).toMatchObject([{ kind: 3, message: recalled }]);
  expect((await list("3")).at(-2)).toMatchObject(recalled);
});

test("who came later, has left or was never there can do nothing with a message, and sees nothing of it", async () => {
  const { id } = await say("2", "a word of before", { picture });
  await groups().add(groupId, "1", { friends: ["4"], others: [] });
  await groups().remove(groupId, "3", "3");
  for (const who of ["3", "4", "9"]) {
    const act = by(who, id);
    expect(await reasonsOfAll(act)).toEqual(Array(3).fill("MESSAGE_NOT_FOUND"));
    expect(await acts().reactions(act, undefined, 10)).toEqual([]);
    expect(await store().message({ userId: who, peerId: groupId }, id)).toBeUndefined();
    expect(await store().shownBlobs(who, id, [picture.key])).toEqual([]);
    expect(await searchStore(own.db).search(who, "before", newest.beforeId, 10)).toEqual([]);
    expect(await reasonOf(trySay(who, "about it", { replyToId: id }))).toBe(
      { 3: "NOT_IN_GROUP", 4: "MESSAGE_NOT_FOUND" }[who] ?? "USER_NOT_FOUND",
    );
  }
  expect(await store().shownBlobs("1", id, ["another", picture.small_key])).toEqual([picture.small_key]);
  expect(await searchStore(own.db).search("1", "BEFORE", newest.beforeId, 10)).toMatchObject([
    { id, picture },
  ]);
  await say("1", "about it", { replyToId: id });
  const answered = async (who: string) => (await list(who)).at(-1)!.reply_to;
  expect(await answered("2")).toMatchObject({
    id,
    sender_id: "2",
    content: "a word of before",
    picture: true,
  });
  expect(await answered("4")).toMatchObject({ id, sender_id: null, content: null, picture: false });
});

test("a search looks in the groups in which something was said last, and in so many at most", async () => {
  const { id } = await say("1", "a needle");
  const found = async () =>
    (await searchStore(own.db).search("1", "needle", newest.beforeId, 10)).map((one) => one.id);
  expect(await found()).toEqual([id]);
  // Something was said later in as many as are looked at.
  await rowsOf(`insert into message.group_chat (id, name, last_id)
    select g, 'x', ${id}::int8 + g from generate_series(1, ${maxSearchedGroups}) g`);
  await rowsOf(`insert into message.member (group_id, user_id, role, since_id, joined_id, read_id, seen)
    select g, 1, 1, 0, 0, 0, 0 from generate_series(1, ${maxSearchedGroups}) g`);
  expect(await found()).toEqual([]);
  await say("1", "later");
  expect(await found()).toEqual([id]);
});

test("a notice stays what it is", async () => {
  for (const { id, sender_id: actor } of await list("1")) {
    expect(await reasonsOfAll(by(actor, id))).toEqual(Array(3).fill("MESSAGE_NOT_FOUND"));
    expect(await store().message({ userId: "1", peerId: groupId }, id)).toBeUndefined();
    expect(await reasonOf(trySay("1", "about it", { replyToId: id }))).toBe("MESSAGE_NOT_FOUND");
  }
  expect(await searchStore(own.db).search("1", "The group", newest.beforeId, 10)).toEqual([]);
});

const done = ["reaction", "reaction_count", "hidden", "picture"];
const left = async () =>
  Promise.all(done.map(async (table) => (await rowsOf(`select from message.${table}`)).length));
async function talk() {
  const [theirs, other] = [await say("2", "theirs", { picture }), await say("1", "other")];
  await acts().setReaction(by("1", theirs.id), "👍", true);
  await acts().setReaction(by("2", other.id), "👍", true);
  await acts().setReaction(by("3", other.id), "👍", true);
  await acts().hide(by("3", theirs.id));
  await acts().hide(by("2", other.id));
}
const jobsOf = async (kind: string) => rowsOf(`select from message.job where kind = '${kind}'`);

test("an account that is deleted takes along what was done with its messages, and what it has done", async () => {
  await talk();
  const erasure = accountErasureStore(own.db, own.jobs);
  await erasure.markDeleted("2");
  const mine = by("2", (await list("2")).at(-1)!.id);
  expect(await reasonOf(acts().setReaction(mine, "🎉", true))).toBe("SESSION_ENDED");
  await groups().forget(groupId, "2");
  for (let more = true; more; ) {
    more = await erasure.removeFromGroups("2");
    expect(await drifts(own.database, counts)).toEqual([]);
  }
  while (await erasure.removeActs("2"));
  await erasure.removeTraces("2");
  // The reaction of 3 to what 1 has said.
  expect(await left()).toEqual([1, 1, 0, 0]);
  expect(await jobsOf("remove-picture")).toHaveLength(2);
  expect(await drifts(own.database, counts)).toEqual([]);
  expect(await rowsOf("select from message.timeline where 2 in (user_id, actor_id)")).toEqual([]);
});

test("a group that ends takes everything along", async () => {
  await talk();
  for (const who of ["3", "2", "1"]) await groups().remove(groupId, who, who);
  const job = { key: groupId, signal: new AbortController().signal, finish: async () => {} };
  await removeGroup(own.db, own.jobs).run(job as unknown as Job);
  expect(await left()).toEqual([0, 0, 0, 0]);
  expect(await jobsOf("remove-picture")).toHaveLength(2);
  expect(await rowsOf("select from message.message")).toEqual([]);
});
