import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { GroupRole } from "#contracts/gen/message_pb.ts";
import type { TimelineHead } from "#contracts/timelines.ts";
import { createBatcher } from "#platform/db/batcher.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { createSnowflake, maxId } from "#platform/ids/snowflake.ts";
import type { Job } from "#platform/jobs/workers.ts";
import { drifts } from "#platform/testing/drifts.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import fc from "#platform/testing/property.ts";
import { accountErasureStore } from "./account-erasure-store.ts";
import { audienceOf } from "./audience.ts";
import { groupLists } from "./group-lists.ts";
import { maxGroups, maxMembers } from "./group-rules.ts";
import { groupSendStore } from "./group-send-store.ts";
import { groupStore } from "./group-store.ts";
import { migrations } from "./migrations.ts";
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
  ...["invitation", "barred", "group_link", "job"],
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
  barred = new Set<string>();
  ended = false;
  of = (id: string) => this.members.find((one) => one.id === id);
  come(id: string, role = MEMBER) {
    this.members.push({ id, role, unread: 0, muted: false, silent: false });
    this.barred.delete(id);
  }
  go(id: string) {
    const was = this.of(id)!;
    this.members = this.members.filter((one) => one !== was);
    const next = this.members.find(({ role }) => role === ADMIN) ?? this.members[0];
    if (was.role === OWNER && next) next.role = OWNER;
    this.ended = this.members.length === 0;
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
        this.go(whom);
        this.barred.add(whom);
        return;
      }
      case "role":
        if (!own) return "NOT_IN_GROUP";
        if (!other) return "MEMBER_NOT_FOUND";
        if (other.role === role) return;
        if (own.role !== OWNER) return "GROUP_OWNER_ONLY";
        if (own === other) return "OWNER_STAYS";
        if (role === OWNER) own.role = ADMIN;
        other.role = role;
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
        if (this.barred.has(by)) return "REMOVED_FROM_GROUP";
        this.come(by);
        return;
      case "say":
        if (!own) return this.ended ? "USER_NOT_FOUND" : "NOT_IN_GROUP";
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
      await groups().makeLink(groupId, "1", { code, maxUses: 1_000, expiresAtMs: Date.now() + 3_600_000 });
      const model = new Model();
      model.come("1", OWNER);
      const store = messageStore(own.db, own.events);
      const perform: Record<Act["does"], (one: Act) => Promise<unknown>> = {
        add: ({ by, whom }) => groups().add(groupId, by, { friends: [whom], others: [] }),
        remove: ({ by, whom }) => groups().remove(groupId, by, whom),
        role: ({ by, whom, role }) => groups().setRole(groupId, by, whom, role),
        silence: ({ by, whom }) =>
          groups().silence(groupId, by, whom, model.of(whom)?.silent ? 0 : Date.now() + 3_600_000),
        join: ({ by }) => groups().join(groupId, by, code),
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
  for (const table of ["message", "member", "notice_person", "invitation", "barred", "timeline"])
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
  for (const table of ["message", "group_chat", "member", "notice_person", "barred"])
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
