import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { notificationKinds as kinds } from "#contracts/notification-kinds.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { createSnowflake } from "#platform/ids/snowflake.ts";
import { drifts } from "#platform/testing/drifts.ts";
import { heldUp, waiting } from "#platform/testing/held-up.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { accountErasureStore } from "./account-erasure-store.ts";
import { actStore } from "./act-store.ts";
import { migrations } from "./migrations.ts";
import { applyToLists } from "./notifications/notification-store.ts";
import { counts } from "./recount.ts";
import { sendStore } from "./send-store.ts";
import { messageStore } from "./store.ts";
import type { Tables } from "./tables.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
const ids = createSnowflake({ node: 1, floorMs: 0, nowMs: Date.now });
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("message", "accounts", migrations);
});
afterAll(() => own.drop());
beforeEach(async () => {
  await own.database.pool.query(
    `truncate ${[
      ...["conversation", "message", "person", "timeline", "notified", "notification", "notification_fact"],
      ...["reaction", "reaction_count"],
    ].map((table) => `message.${table}`)}`,
  );
});

const eve = "500";
const sendAll = (...pairs: [senderId: string, receiverId: string][]) =>
  sendStore(own.db, ids, own.events, () => {})(
    pairs.map(([senderId, receiverId]) => ({
      ...{ senderId, receiverId, content: "hi", key: undefined, friends: true, traceId: "" },
    })),
  );
const send = (senderId: string, receiverId: string) => sendAll([senderId, receiverId]);
const store = () => accountErasureStore(own.db, own.jobs);
const rowsOf = async (sql: string) => (await own.database.pool.query(sql)).rows;
const placesOfEve = async () => [
  ...(await rowsOf("select from message.conversation where 500 in (user_id, peer_id)")),
  ...(await rowsOf("select from message.message where 500 in (low_id, high_id)")),
  ...(await rowsOf("select from message.timeline where 500 in (user_id, peer_id, actor_id)")),
];
async function remove(): Promise<void> {
  await store().markDeleted(eve);
  for (const peer of await store().peers(eve)) while (await store().removeMessages(eve, peer));
}

test("a long conversation goes in steps, each exact, and others stay", async () => {
  await send(eve, "1");
  await send("1", eve);
  await send("2", "1");
  await send(eve, "2");
  // Most of the long conversation is inserted directly.
  await own.database.pool.query(
    `insert into message.message (low_id, high_id, id, sender_id, content)
     select 1, 500, i, case when i % 2 = 0 then 1 else 500 end, 'x' from generate_series(1, 4500) i`,
  );
  await own.database.pool.query(
    "update message.conversation set unread = unread + 2250 where 500 in (user_id, peer_id) and 1 in (user_id, peer_id)",
  );
  await own.database.pool.query("update message.person set unread = unread + 2250 where user_id in (1, 500)");
  expect(await drifts(own.database, counts)).toEqual([]);
  await store().markDeleted(eve);
  expect(await store().peers(eve)).toEqual(["1", "2"]);
  for (const more of [true, true, false]) {
    expect(await store().removeMessages(eve, "1")).toBe(more);
    expect(await drifts(own.database, counts)).toEqual([]);
    expect(await store().peers(eve)).toEqual(more ? ["1", "2"] : ["2"]);
  }
  expect(await store().removeMessages(eve, "2")).toBe(false);
  expect(await placesOfEve()).toEqual([]);
  expect(await rowsOf("select user_id, unread, gone from message.person order by 1")).toEqual([
    { user_id: "1", unread: "1", gone: false },
    { user_id: "2", unread: "0", gone: false },
    { user_id: eve, unread: "0", gone: true },
  ]);
  expect(await drifts(own.database, counts)).toEqual([]);
});

test("afterwards they can send and receive no messages", async () => {
  await remove();
  expect(await send(eve, "1")).toMatchObject([{ reason: "SESSION_ENDED" }]);
  expect(await send("1", eve)).toMatchObject([{ reason: "USER_NOT_FOUND" }]);
  expect(await send("1", "2")).toMatchObject([{ sender_id: "1" }]);
  expect(await placesOfEve()).toEqual([]);
});

test.each([
  ["of theirs", () => send(eve, "1")],
  ["to them", () => send("1", eve)],
])("a message %s in progress meanwhile leaves nothing behind", async (_what, late) => {
  await send("2", "1");
  // Counted in the order of ids: it waits for the row of 1 and does not yet hold that of 500.
  const hold = "select from message.person where user_id = 1 for update";
  const outcome = (await heldUp(own.database.pool, hold, late, remove)) as unknown[];
  expect(outcome[0]).toBeInstanceOf(DomainError);
  expect(await placesOfEve()).toEqual([]);
  expect(await drifts(own.database, counts)).toEqual([]);
});

test("who writes to them while their conversation is removed is refused, and the others of the batch are not", async () => {
  await send("1", "3");
  await send("1", eve);
  // Locked in the order of ids: it waits for the conversation with 3, and does not yet hold that with 500.
  const hold = "select from message.conversation where user_id = 1 and peer_id = 3 for update";
  const outcomes = await heldUp(own.database.pool, hold, () => sendAll(["1", "3"], ["1", eve]), remove);
  expect(outcomes).toMatchObject([{ receiver_id: "3" }, { reason: "USER_NOT_FOUND" }]);
  expect(await placesOfEve()).toEqual([]);
  expect(await drifts(own.database, counts)).toEqual([]);
});

test("an emoji that is put under a message while it is removed goes with it", async () => {
  const [message] = (await send(eve, "1")) as { id: string }[];
  await store().markDeleted(eve);
  const act = { userId: "1", peerId: eve, messageId: message!.id };
  let removing: Promise<boolean> | undefined;
  // The emoji is there and not committed, and the removal waits for its message.
  await heldUp(
    own.database.pool,
    "select from message.person where user_id = 1 for update",
    () => actStore(own.db, own.events, own.jobs).setReaction(act, "👍", true),
    async () => {
      removing = store().removeMessages(eve, "1");
      await waiting(own.database.pool, 2);
    },
  );
  expect(await removing).toBe(false);
  expect(await placesOfEve()).toEqual([]);
  for (const table of ["reaction", "reaction_count"])
    expect(await rowsOf(`select from message.${table}`)).toEqual([]);
});

test("what others read goes on while an account is erased, also of its messages", async () => {
  await send(eve, "1");
  await send("2", "1");
  await send("1", eve);
  await store().markDeleted(eve);
  const upToId = "9223372036854775807";
  const heads = await messageStore(own.db, own.events).markRead([
    { userId: "1", peerId: eve, upToId },
    { userId: eve, peerId: "1", upToId },
    { userId: "1", peerId: "2", upToId },
  ]);
  expect(heads.map(({ userId }) => userId).sort()).toEqual(["1", "2"]);
  expect(await rowsOf("select unread from message.person where user_id = 1")).toEqual([{ unread: "0" }]);
  expect(await drifts(own.database, counts)).toEqual([]);
  await remove();
  expect(await placesOfEve()).toEqual([]);
  expect(await drifts(own.database, counts)).toEqual([]);
});

/** Person 1 is invited into this group; what the consumer does. */
const invited = (groupId: string, actorId: string) =>
  own.events.transaction(own.db, (on, emit) => {
    const about = { userId: "1", kind: kinds.invitation, subjectId: groupId, videoId: "0", threadId: "0" };
    const fact = { ...about, factId: actorId, actorId, atMs: Date.now() };
    return applyToLists(on, [{ what: "add", fact }], { emit, push: async () => {} });
  });
const peopleOfInvitations = () =>
  rowsOf("select subject_id, people from message.notification order by subject_id");

test("their invitations count no more, and those of others do", async () => {
  for (const actorId of [eve, "2"]) await invited("90", actorId);
  await invited("91", eve);
  await store().removeTraces(eve);
  expect(await peopleOfInvitations()).toEqual([
    { subject_id: "90", people: "1" },
    { subject_id: "91", people: "0" },
  ]);
  expect(await drifts(own.database, counts)).toEqual([]);
  await store().removeTraces(eve);
  expect(await drifts(own.database, counts)).toEqual([]);
});

test("an invitation by somebody else meanwhile is counted without theirs", async () => {
  await invited("90", eve);
  let other: Promise<unknown> | undefined;
  const outcome = await heldUp(
    own.database.pool,
    "select from message.notification for update",
    () => store().removeTraces(eve),
    async () => {
      other = invited("90", "2");
      await waiting(own.database.pool, 2);
    },
  );
  expect(outcome).toBeUndefined();
  await other;
  expect(await peopleOfInvitations()).toEqual([{ subject_id: "90", people: "1" }]);
  expect(await drifts(own.database, counts)).toEqual([]);
});
