import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { GroupRole } from "#contracts/gen/message_pb.ts";
import type { TimelineHead } from "#contracts/timelines.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { createSnowflake, maxId } from "#platform/ids/snowflake.ts";
import type { Job } from "#platform/jobs/workers.ts";
import { drifts } from "#platform/testing/drifts.ts";
import { heldUp } from "#platform/testing/held-up.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import fc from "#platform/testing/property.ts";
import { accountErasureStore } from "./account-erasure-store.ts";
import { actStore } from "./act-store.ts";
import { audienceOf } from "./audience.ts";
import { groupEntranceStore } from "./group-entrance-store.ts";
import { groupLists } from "./group-lists.ts";
import {
  invitationMs,
  maxGroups,
  maxInvitations,
  maxInvitationsShown,
  maxInvitationsToOne,
  maxInvitedAtOnce,
  maxMembers,
  maxReadersTold,
} from "./group-rules.ts";
import { groupSendStore } from "./group-send-store.ts";
import { groupStore } from "./group-store.ts";
import { invitationLists } from "./invitations.ts";
import { migrations } from "./migrations.ts";
import type { Pair } from "./pairs.ts";
import { counts } from "./recount.ts";
import { removeGroup } from "./remove-group.ts";
import { messageStore } from "./store.ts";
import type { Tables } from "./tables.ts";
import { timelineStore } from "./timeline-store.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
const ids = createSnowflake({ node: 1, floorMs: 0, nowMs: Date.now });
let told: TimelineHead[] = [];
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("message", "groups", migrations);
});
afterAll(() => own.drop());
const tables = [
  ...["conversation", "message", "person", "timeline", "group_chat", "member", "notice_person"],
  ...["invitation", "former_member", "group_link", "job", "mention"],
].map((table) => `message.${table}`);
const empty = () => own.database.pool.query(`truncate ${tables.join(", ")}, events.log`);
beforeEach(async () => {
  await empty();
  told = [];
});

const writer = () => ({
  ...{ db: own.db, ids, events: own.events },
  reached: (heads: TimelineHead[]) => void told.push(...heads),
});
const groups = () => groupStore(writer(), own.jobs);
const entrance = () => groupEntranceStore(writer());
const lists = () => groupLists(own.db);
const rowsOf = async (sql: string) => (await own.database.pool.query(sql)).rows;
const say = async (groupId: string, senderId: string, content = "hi", key?: string) => {
  const [sent] = await groupSendStore(writer())([{ senderId, groupId, content, key, traceId: "" }]);
  return sent!;
};
const make = async (owner: string, ...friends: string[]) =>
  (await groups().create(owner, "The group", { friends, others: [] }, undefined)).groupId;
/** The reason of a refusal; undefined if there is none. */
const reasonOf = async (act: Promise<unknown>) => {
  try {
    const result = await act;
    return result instanceof DomainError ? result.reason : undefined;
  } catch (error) {
    if (error instanceof DomainError) return error.reason;
    throw error;
  }
};
const placesIn = async (groupId: string) =>
  (
    await rowsOf(
      `select user_id, role from message.member where group_id = ${groupId} order by role desc, joined_id, user_id`,
    )
  ).map(({ user_id, role }) => `${user_id} ${role}`);
async function expectExact() {
  expect(await drifts(own.database, counts)).toEqual([]);
  // Numbers of timelines have no gap.
  expect(
    await rowsOf(`select user_id from message.person p where seq <> (
      select count(*) from message.timeline t where t.user_id = p.user_id)`),
  ).toEqual([]);
}

const { MEMBER, ADMIN, OWNER } = GroupRole;

/** What should happen, without a database. */
class Model {
  members: { id: string; role: GroupRole; unread: number; muted: boolean; silent: boolean }[] = [];
  former = new Map<string, { removed: boolean; silent: boolean }>();
  ended = false;
  of = (id: string) => this.members.find((one) => one.id === id);
  come(id: string, role = MEMBER) {
    const silent = this.former.get(id)?.silent ?? false;
    this.members.push({ id, role, unread: 0, muted: false, silent });
    this.former.delete(id);
  }
  go(id: string, removed = false) {
    const was = this.of(id)!;
    this.former.set(id, { removed, silent: was.silent });
    this.members = this.members.filter((one) => one !== was);
    const next = this.members.find(({ role }) => role === ADMIN) ?? this.members[0];
    if (was.role === OWNER && next) this.own(next);
    this.ended = this.members.length === 0;
  }
  own(next: Model["members"][number]) {
    next.role = OWNER;
    next.silent = false;
  }
  above(by: string, whom: string): string | undefined {
    const own = this.of(by);
    if (!own) return "NOT_IN_GROUP";
    if (own.role < ADMIN) return "GROUP_ADMINS_ONLY";
    return own.role <= (this.of(whom)?.role ?? MEMBER) ? "GROUP_OWNER_ONLY" : undefined;
  }
  /** Does it; or the reason why not. */
  act({ does, by, whom, role }: Act): string | undefined {
    const [own, other] = [this.of(by), this.of(whom)];
    switch (does) {
      case "add":
        if (!own) return "NOT_IN_GROUP";
        if (own.role < ADMIN) return "GROUP_ADMINS_ONLY";
        if (!other) this.come(whom);
        return;
      case "remove": {
        if (by === whom) {
          if (own) this.go(by);
          return;
        }
        const refused = this.above(by, whom);
        if (refused || !other) return refused;
        this.go(whom, true);
        return;
      }
      case "role":
        if (!own) return "NOT_IN_GROUP";
        if (!other) return "MEMBER_NOT_FOUND";
        if (other.role === role) return;
        if (own.role !== OWNER) return "GROUP_OWNER_ONLY";
        if (own === other) return "OWNER_STAYS";
        if (role === OWNER) {
          own.role = ADMIN;
          this.own(other);
        } else other.role = role;
        return;
      case "silence": {
        const refused = this.above(by, whom);
        if (refused) return refused;
        if (!other) return "MEMBER_NOT_FOUND";
        other.silent = !other.silent;
        return;
      }
      case "join":
        if (this.ended) return "LINK_NOT_FOUND";
        if (own) return;
        if (this.former.get(by)?.removed) return "REMOVED_FROM_GROUP";
        this.come(by);
        return;
      case "say":
        if (!own) return this.former.has(by) && !this.ended ? "NOT_IN_GROUP" : "USER_NOT_FOUND";
        if (own.silent) return "MUTED_IN_GROUP";
        for (const one of this.members) if (one !== own) one.unread++;
        return;
      case "read":
        if (own) own.unread = 0;
        return;
      case "mute":
        if (!own) return "NOT_FOUND";
        own.muted = !own.muted;
        return;
    }
  }
}

const people = ["1", "2", "3", "4", "5"];
const act = fc.record({
  does: fc.constantFrom(
    ...(["add", "add", "join", "remove", "role", "silence", "say", "say", "read", "mute"] as const),
  ),
  by: fc.constantFrom(...people),
  whom: fc.constantFrom(...people),
  role: fc.constantFrom(MEMBER, ADMIN, OWNER),
});
type Act = typeof act extends fc.Arbitrary<infer T> ? T : never;

test("whatever people do, a group has one owner, and members, rights and unread counts of a naive one", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 20, maxLength: 60 }), async (acts) => {
      await empty();
      const groupId = await make("1");
      const code = "aaaaaaaaaaaaaaaa";
      await entrance().makeLink(groupId, "1", { code, maxUses: 1_000, expiresAtMs: Date.now() + 3_600_000 });
      const model = new Model();
      model.come("1", OWNER);
      const store = messageStore(own.db, own.events);
      const perform: Record<Act["does"], (one: Act) => Promise<unknown>> = {
        add: ({ by, whom }) => groups().add(groupId, by, { friends: [whom], others: [] }),
        remove: ({ by, whom }) => groups().remove(groupId, by, whom),
        role: ({ by, whom, role }) => groups().setRole(groupId, by, whom, role),
        silence: ({ by, whom }) =>
          groups().silence(groupId, by, whom, model.of(whom)?.silent ? 0 : Date.now() + 3_600_000),
        join: ({ by }) => entrance().join(groupId, by, code),
        say: ({ by }) => say(groupId, by),
        read: ({ by }) => store.markRead([{ userId: by, peerId: groupId, upToId: maxId.toString() }]),
        mute: ({ by }) => store.mute({ userId: by, peerId: groupId }, !(model.of(by)?.muted ?? false)),
      };
      for (const one of acts) {
        const done = await reasonOf(perform[one.does](one));
        expect([one, done]).toEqual([one, model.act(one)]);
      }
      const sorted = [...model.members].sort((a, b) => b.role - a.role);
      expect(await placesIn(groupId)).toEqual(sorted.map(({ id, role }) => `${id} ${role}`));
      expect(model.members.filter(({ role }) => role === OWNER)).toHaveLength(model.ended ? 0 : 1);
      const unread = await store.unread(people);
      for (const [i, id] of people.entries()) {
        const place = model.of(id);
        expect(unread[i]).toBe(place && !place.muted ? place.unread : 0);
        const listed = await store.conversations(id, maxId.toString(), 10);
        expect(listed.map((row) => [row.peer_id, row.unread, row.muted])).toEqual(
          place ? [[groupId, place.unread, place.muted]] : [],
        );
      }
      await expectExact();
    }),
    { numRuns: 25 },
  );
});

test("a group of 1,000 hears a message, each once; one of 1,001 is refused", async () => {
  const friends = Array.from({ length: maxMembers - 1 }, (_, i) => String(1_001 + i));
  const groupId = await make("1", ...friends);
  const before = await rowsOf("select count(*)::int4 from message.timeline");
  const sent = await say(groupId, "1001");
  expect(sent).toMatchObject({ sender_id: "1001", receiver_id: groupId });
  const after = await rowsOf("select count(*)::int4 from message.timeline");
  expect(after[0].count - before[0].count).toBe(maxMembers);
  expect(new Set(told.slice(-maxMembers).map(({ userId }) => userId)).size).toBe(maxMembers);
  expect(await audienceOf(own.db, "0", groupId, maxId.toString())).toHaveLength(maxMembers);
  expect(await audienceOf(own.db, "1", "2", "3")).toEqual(["1", "2"]);
  const brought = { friends: ["5"], others: [] };
  expect(await reasonOf(groups().add(groupId, "1", brought))).toBe("GROUP_FULL");
  const larger = { friends: [...friends, "5"], others: [] };
  expect(await reasonOf(groups().create("1", "Larger", larger, undefined))).toBe("GROUP_FULL");
  expect(await rowsOf("select from message.group_chat")).toHaveLength(1);
  await expectExact();
});

test("who is in as many groups as one can be comes into no other", async () => {
  await own.database.pool.query(
    `insert into message.member (group_id, user_id, role, since_id, joined_id, read_id, seen)
     select g, 2, 1, 0, 0, 0, 0 from generate_series(1, ${maxGroups}) g`,
  );
  const made = await groups().create("1", "The group", { friends: ["2", "3"], others: [] }, undefined);
  expect(made).toMatchObject({ added: ["3"], full: ["2"] });
  expect(await reasonOf(make("2"))).toBe("GROUPS_TOO_MANY");
});

test("what people say and do at once in groups that share them neither deadlocks nor miscounts", async () => {
  const all = Array.from({ length: 12 }, (_, i) => String(i + 1));
  const rooms = await Promise.all([0, 1, 2, 3].map((i) => make(all[i]!, ...all)));
  const send = createBatcher(groupSendStore(writer()), { conflict: ({ groupId }) => groupId, maxBatch: 8 });
  const store = messageStore(own.db, own.events);
  await Promise.all(
    Array.from({ length: 240 }, async (_, i) => {
      const [groupId, userId] = [rooms[i % 4]!, all[(i * 7) % 12]!];
      if (i % 5 === 0) await store.markRead(rooms.map((peerId) => ({ userId, peerId, upToId: ids.next() })));
      else if (i % 17 === 0) await groups().remove(groupId, userId, userId);
      else if (i % 23 === 0) await store.mute({ userId, peerId: groupId }, true).catch(() => {});
      else await send({ senderId: userId, groupId, content: `${i}`, key: undefined, traceId: "" });
    }),
  );
  await expectExact();
  for (const groupId of rooms)
    expect((await placesIn(groupId)).filter((place) => place.endsWith(` ${OWNER}`))).toHaveLength(1);
});

test("who is removed or hands over while others read neither deadlocks nor miscounts", async () => {
  const all = Array.from({ length: 8 }, (_, i) => String(i + 1));
  // The owner has the largest id, and who is next the smallest.
  const groupId = (await groups().create("9", "The group", { friends: all, others: [] }, undefined)).groupId;
  const store = messageStore(own.db, own.events);
  const before = await rowsOf(
    "select deadlocks::int4 from pg_stat_database where datname = current_database()",
  );
  for (let round = 0; round < 15; round++) {
    await say(groupId, "9");
    const marks = [...all, "9"].map((userId) => ({ userId, peerId: groupId, upToId: ids.next() }));
    await Promise.all([
      store.markRead(marks),
      groups().remove(groupId, "9", "9"),
      store.markRead(marks),
      groups()
        .setRole(groupId, "9", "1", ADMIN)
        .catch(() => {}),
    ]);
    // Back again, above the others.
    const owner = (await placesIn(groupId))[0]!.split(" ")[0]!;
    await groups().add(groupId, owner, { friends: ["9"], others: [] });
    await groups().setRole(groupId, owner, "9", OWNER);
    await groups().setRole(groupId, "9", owner, MEMBER);
  }
  await own.database.pool.query("select pg_stat_force_next_flush()");
  expect(
    await rowsOf("select deadlocks::int4 from pg_stat_database where datname = current_database()"),
  ).toEqual(before);
  await expectExact();
});

const invite = (groupId: string, byId: string, ...others: string[]) =>
  groups().add(groupId, byId, { friends: [], others });
const invitedTo = async (userId: string) =>
  (await invitationLists(own.db).listed(userId, maxId.toString(), 100)).map((row) => row.group_id);
const some = (count: number, from: number) => Array.from({ length: count }, (_, i) => String(from + i));

test("nobody floods anybody with invitations, whatever becomes of them", async () => {
  const rooms: string[] = [];
  for (let i = 0; i < maxInvitationsToOne; i++) {
    const groupId = await make("1");
    rooms.push(groupId);
    expect(await invite(groupId, "1", "50")).toMatchObject({ invited: ["50"], refused: [] });
    // Again is not once more.
    expect(await invite(groupId, "1", "50")).toMatchObject({ invited: ["50"], refused: [] });
  }
  const another = await make("1");
  const refused = { invited: [], refused: ["50"] };
  expect(await invite(another, "1", "50")).toMatchObject(refused);
  expect(await invitedTo("50")).toEqual(rooms.toReversed());
  // Declined, taken back, or of a group that has ended.
  await entrance().answer(rooms[0]!, "50", false);
  await entrance().withdraw(rooms[1]!, "1", "50");
  await groups().remove(rooms[2]!, "1", "1");
  expect(await invitedTo("50")).toEqual([]);
  expect(await reasonOf(entrance().answer(rooms[1]!, "50", true))).toBe("INVITATION_NOT_FOUND");
  for (const groupId of [rooms[0]!, rooms[1]!, another])
    expect(await invite(groupId, "1", "50")).toMatchObject(refused);
  // Somebody else may, and after some time one may again.
  expect(await invite(await make("2"), "2", "50")).toMatchObject({ invited: ["50"] });
  const early = `update message.invitation set id = id - (${invitationMs}::int8 << 22)`;
  await rowsOf(early);
  expect(await invitedTo("50")).toEqual([]);
  expect(await invite(rooms[0]!, "1", "50")).toMatchObject({ invited: ["50"] });
  await invitationLists(own.db).expire();
  expect(await rowsOf("select group_id from message.invitation")).toEqual([{ group_id: rooms[0] }]);
  expect(told.filter(({ userId }) => userId === "50")).toHaveLength(maxInvitationsToOne + 2);
});

test("one invites so many at once, and so many in all, whichever groups at the same time", async () => {
  const groupId = await make("1");
  const made = await invite(groupId, "1", ...some(maxInvitedAtOnce + 5, 1_000));
  expect([made.invited.length, made.refused.length]).toEqual([maxInvitedAtOnce, 5]);
  const rooms = await Promise.all(some(16, 0).map(() => make("1")));
  const all = await Promise.all(
    rooms.map((room, i) => invite(room, "1", ...some(maxInvitedAtOnce, 2_000 + i * maxInvitedAtOnce))),
  );
  expect(all.reduce((sum, { invited }) => sum + invited.length, 0)).toBe(maxInvitations - maxInvitedAtOnce);
  // Who accepts counts no more.
  const [first = ""] = made.invited;
  await entrance().answer(groupId, first, true);
  expect(await invite(groupId, "1", "9001", "9002")).toMatchObject({ invited: ["9001"], refused: ["9002"] });
});

test("one sees the newest invitations, and none of somebody who has left the group", async () => {
  const rooms: string[] = [];
  for (const by of some(maxInvitationsShown + 1, 100)) {
    rooms.push(await make(by, "99"));
    await invite(rooms.at(-1)!, by, "50");
  }
  expect(await invitedTo("50")).toEqual(rooms.slice(1).toReversed());
  const [last, by] = [rooms.at(-1)!, String(100 + maxInvitationsShown)];
  await groups().remove(last, by, by);
  expect(await invitedTo("50")).not.toContain(last);
  expect(await reasonOf(entrance().answer(last, "50", true))).toBe("INVITATION_NOT_FOUND");
  expect(await reasonOf(entrance().withdraw(rooms[3]!, "99", "50"))).toBe("GROUP_ADMINS_ONLY");
  expect(await reasonOf(entrance().withdraw(rooms[3]!, "7", "50"))).toBe("NOT_IN_GROUP");
});

test("who leaves while muted is muted when they come back, and a link counts each person once", async () => {
  const groupId = await make("1");
  const code = "aaaaaaaaaaaaaaaa";
  await entrance().makeLink(groupId, "1", { code, maxUses: 1, expiresAtMs: Date.now() + 3_600_000 });
  await entrance().join(groupId, "2", code);
  await groups().silence(groupId, "1", "2", Date.now() + 3_600_000);
  for (let i = 0; i < 3; i++) {
    await groups().remove(groupId, "2", "2");
    expect((await lists().byLink(code, "2"))?.id).toBe(groupId);
    await entrance().join(groupId, "2", code);
    expect(await reasonOf(say(groupId, "2"))).toBe("MUTED_IN_GROUP");
  }
  expect(await reasonOf(entrance().join(groupId, "3", code))).toBe("LINK_NOT_FOUND");
  await groups().silence(groupId, "1", "2", 0);
  expect(await say(groupId, "2")).toMatchObject({ sender_id: "2" });
});

test.each([
  ["leaves", (groupId: string) => groups().remove(groupId, "1", "1")],
  ["hands over", (groupId: string) => groups().setRole(groupId, "1", "2", OWNER)],
])("an admin who is muted may write when they own the group because its owner %s", async (_what, ends) => {
  const groupId = await make("1", "2");
  await groups().setRole(groupId, "1", "2", ADMIN);
  await groups().silence(groupId, "1", "2", Date.now() + 3_600_000);
  expect(await reasonOf(say(groupId, "2"))).toBe("MUTED_IN_GROUP");
  await ends(groupId);
  expect(await say(groupId, "2")).toMatchObject({ sender_id: "2" });
});

test("who leaves several times at once leaves once, and does nothing afterwards", async () => {
  const groupId = await make("1", "2", "3");
  await groups().setRole(groupId, "1", "2", ADMIN);
  const leaving = some(4, 0).map(() => reasonOf(groups().remove(groupId, "2", "2")));
  const acting = some(4, 0).map(() => reasonOf(groups().change(groupId, "2", { announcement: "x" })));
  expect(await Promise.all(leaving)).toEqual(Array(4).fill(undefined));
  for (const reason of await Promise.all(acting)) expect([undefined, "NOT_IN_GROUP"]).toContain(reason);
  expect(await placesIn(groupId)).toEqual([`1 ${OWNER}`, `3 ${MEMBER}`]);
  expect(await rowsOf("select from message.message where notice = 4")).toHaveLength(1);
  await expectExact();
});

test("who is not in a group learns nothing of it, and holds up nobody in it", async () => {
  const groupId = await make("1", "2");
  const act = { userId: "3", peerId: groupId, messageId: ids.next() };
  const acts = actStore(own.db, own.events, own.jobs);
  const holding = await own.database.pool.connect();
  try {
    await holding.query(`begin; select from message.group_chat where id = ${groupId} for update`);
    // None of these waits for the group.
    expect(await reasonOf(say(groupId, "3"))).toBe("USER_NOT_FOUND");
    expect(await reasonOf(say(ids.next(), "3"))).toBe("USER_NOT_FOUND");
    expect(await reasonOf(groups().setRole(groupId, "3", "2", ADMIN))).toBe("NOT_IN_GROUP");
    expect(await reasonOf(groups().remove(groupId, "3", "2"))).toBe("NOT_IN_GROUP");
    expect(await reasonOf(groups().remove(groupId, "3", "3"))).toBeUndefined();
    expect(
      await reasonOf(messageStore(own.db, own.events).mute({ userId: "3", peerId: groupId }, true)),
    ).toBe("NOT_FOUND");
    expect(await reasonOf(acts.recall(act))).toBe("MESSAGE_NOT_FOUND");
    expect(await reasonOf(acts.hide(act))).toBe("MESSAGE_NOT_FOUND");
  } finally {
    await holding.query("rollback");
    holding.release();
  }
});

test("who mentions people of a group that they are not in waits for none of them", async () => {
  const groupId = await make("1", "2");
  const parts = { mentions: [{ name_key: "p1", user_id: "1" }] };
  const command = { groupId, senderId: "3", content: "@p1", key: undefined, parts, traceId: "" };
  const holding = await own.database.pool.connect();
  try {
    await holding.query(`begin; select from message.member where group_id = ${groupId} for update`);
    expect(await groupSendStore(writer())([command])).toMatchObject([{ reason: "USER_NOT_FOUND" }]);
  } finally {
    await holding.query("rollback");
    holding.release();
  }
});

test("who comes into a group just while they write is not in it yet, and the others of the batch are heard", async () => {
  const [first, second] = [await make("1"), await make("2")];
  const commands = [
    { groupId: first, senderId: "1" },
    { groupId: second, senderId: "3" },
  ].map((one) => ({ ...one, content: "hi", key: undefined, traceId: "" }));
  const outcomes = await heldUp(
    own.database.pool,
    `select from message.group_chat where id = ${first} for update`,
    () => groupSendStore(writer())(commands),
    () => groups().add(second, "2", { friends: ["3"], others: [] }),
  );
  expect(outcomes).toMatchObject([{ receiver_id: first }, { reason: "USER_NOT_FOUND" }]);
  await expectExact();
});

test("of messages to large groups each is its own transaction; small ones go together", async () => {
  const many = some(maxMembers - 1, 1_001);
  const large = await Promise.all(["1", "2", "3"].map((owner) => make(owner, ...many)));
  const small = await Promise.all(["4", "5"].map((owner) => make(owner)));
  const commands = [...large, ...small].map((groupId, i) => ({
    ...{ groupId, senderId: String(i + 1), content: "hi", key: undefined, traceId: "" },
  }));
  const outcomes = await groupSendStore(writer())(commands);
  expect(outcomes.map((one) => (one as { receiver_id: string }).receiver_id)).toEqual([...large, ...small]);
  const written = await rowsOf(`
    select array_agg(high_id order by id) as groups from message.message
    where notice is null group by xmin::text order by min(id)`);
  expect(written.map(({ groups }) => groups)).toEqual([large.slice(0, 2), [large[2], ...small]]);
  await expectExact();
});

test("who writes in a small group is told to its other members, unless they may not write", async () => {
  const groupId = await make("1", "2", "3");
  const large = await make("1", ...some(maxReadersTold, 1_000));
  const typing = (userId: string, peerId = groupId) => ({ userId, peerId });
  const ask = (...pairs: Pair[]) => lists().typingAudiences(pairs);
  expect(await ask(typing("2"), typing("4"), typing("1", large), typing("1", "2"), typing("1"))).toEqual([
    ...[["1", "3"], [], [], [], ["2", "3"]],
  ]);
  await groups().silence(groupId, "1", "2", Date.now() + 3_600_000);
  expect(await ask(typing("2"))).toEqual([[]]);
});

test("messages between two are as they were, muted or not", async () => {
  const groupId = await make("1", "2");
  const store = messageStore(own.db, own.events);
  expect(await reasonOf(store.mute({ userId: "1", peerId: "2" }, true))).toBe("NOT_FOUND");
  await say(groupId, "1");
  expect(await store.messages({ userId: "1", peerId: "2" }, { afterId: "0" }, 10)).toEqual([]);
  expect(await store.messages({ userId: "3", peerId: groupId }, { afterId: "0" }, 10)).toEqual([]);
  expect(await store.messages({ userId: "2", peerId: groupId }, { afterId: "0" }, 10)).toHaveLength(3);
});

test("a deleted account leaves its groups, and nothing of it is left in them", async () => {
  const groupId = await make("500", "1", "2");
  const alone = await make("500");
  for (let i = 0; i < 3; i++) await say(groupId, "500");
  await say(groupId, "1");
  await groups().setRole(groupId, "500", "2", ADMIN);
  await groups().add(groupId, "500", { friends: [], others: ["3"] });
  await messageStore(own.db, own.events).mute({ userId: "2", peerId: groupId }, true);
  const erasure = accountErasureStore(own.db, own.jobs);
  await erasure.markDeleted("500");
  expect(await reasonOf(say(groupId, "500"))).toBe("SESSION_ENDED");
  // Others go on, although somebody among them is gone.
  expect(await say(groupId, "1")).toMatchObject({ sender_id: "1" });
  for (const id of await erasure.groups("500")) await groups().forget(id, "500");
  for (let more = true; more; ) {
    more = await erasure.removeFromGroups("500");
    expect(await drifts(own.database, counts)).toEqual([]);
  }
  await erasure.removeTraces("500");
  expect(await placesIn(groupId)).toEqual([`2 ${OWNER}`, `1 ${MEMBER}`]);
  expect(await drifts(own.database, counts)).toEqual([]);
  expect(await lists().groups("1", [alone])).toEqual([]);
  for (const table of ["message", "member", "notice_person", "invitation", "former_member", "timeline"])
    expect(await rowsOf(`select from message.${table} t where t::text ~ '(^|[(,])500[,)]'`), table).toEqual(
      [],
    );
  const left = await messageStore(own.db, own.events).messages(
    { userId: "1", peerId: groupId },
    { afterId: "0" },
    50,
  );
  expect(left.filter(({ notice }) => !notice).map(({ sender_id }) => sender_id)).toEqual(["1", "1"]);
  expect(await messageStore(own.db, own.events).unread(["1", "2"])).toEqual([0, 0]);
  // Nor do they come back.
  expect(await reasonOf(groups().add(groupId, "2", { friends: ["500"], others: [] }))).toBe("USER_NOT_FOUND");
  expect(await placesIn(groupId)).toHaveLength(2);
});

test("with its last person a group ends, and what was said in it is removed", async () => {
  const groupId = await make("1", "2");
  await say(groupId, "1");
  await groups().remove(groupId, "1", "2");
  await groups().remove(groupId, "1", "1");
  expect(await rowsOf("select kind, key from message.job")).toEqual([{ kind: "remove-group", key: groupId }]);
  const job = { key: groupId, signal: new AbortController().signal, finish: async () => {} };
  await removeGroup(own.db, own.jobs).run(job as unknown as Job);
  for (const table of ["message", "group_chat", "member", "notice_person", "former_member"])
    expect(await rowsOf(`select from message.${table}`), table).toEqual([]);
  expect(await messageStore(own.db, own.events).conversations("1", maxId.toString(), 10)).toEqual([]);
  await expectExact();
});

test("timelines tell what happened in groups, and keep the places of what is gone", async () => {
  const groupId = await make("1", "2");
  await say(groupId, "1", "hello", "key");
  await groups().remove(groupId, "1", "2");
  const store = timelineStore(own.db);
  const [now] = await store.after([{ userId: "2", epoch: "", seq: "0" }], 0);
  const read = async (userId: string) =>
    (await store.after([{ userId, epoch: now!.epoch, seq: "0" }], 300))[0]!;
  const { entries, recovered } = await read("2");
  expect(recovered).toBe(true);
  expect(entries.map(({ message }) => [message?.content, message?.notice, message?.people])).toEqual([
    ["The group", 1, []],
    ["1", 2, ["2"]],
    ["hello", null, null],
    ["", 5, ["2"]],
  ]);
  expect(entries.every(({ message }) => message?.receiver_id === groupId && message.in_group)).toBe(true);
  // The sender's other devices know it by its key.
  expect((await read("1")).entries.map(({ message }) => message?.key)).toEqual([null, null, "key", null]);
  expect(entries.map(({ message }) => message?.key)).toEqual([null, null, null, null]);
});
