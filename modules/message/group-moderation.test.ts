import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { GroupRole, NoticeKind } from "#contracts/gen/message_pb.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { createSnowflake, maxId } from "#platform/ids/snowflake.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { actStore } from "./act-store.ts";
import { groupEntranceStore } from "./group-entrance-store.ts";
import { groupLists } from "./group-lists.ts";
import { groupModerationStore } from "./group-moderation-store.ts";
import { groupSendStore } from "./group-send-store.ts";
import { groupStore } from "./group-store.ts";
import { moderationHandlers } from "./handlers/moderate.ts";
import { invitationLists } from "./invitations.ts";
import { migrations } from "./migrations.ts";
import { messageStore } from "./store.ts";
import type { Tables } from "./tables.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
const ids = createSnowflake({ node: 1, floorMs: 0, nowMs: Date.now });
let groupId = "";
let told: string[] = [];
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("message", "group_moderation", migrations);
});
afterAll(() => own.drop());
const writer = () => ({
  ...{ db: own.db, ids, events: own.events },
  reached: (heads: { userId: string }[]) => void told.push(...heads.map(({ userId }) => userId)),
});
const groups = () => groupStore(writer(), own.jobs);
const lists = () => groupLists(own.db);
const entrance = () => groupEntranceStore(writer());
const link = { code: "c".repeat(16), maxUses: 9, expiresAtMs: Date.now() + 3_600_000 };

/** A group of 1 and 2, into which 3 is invited and to which a link leads. */
beforeEach(async () => {
  groupId = (await groups().create("1", "The group", { friends: ["2"], others: ["3"] }, undefined)).groupId;
  await entrance().makeLink(groupId, "1", { ...link, code: `${groupId}-c` });
  told = [];
});

const judge = (version: number, down: boolean) =>
  groupModerationStore(writer()).moderate({ groupId, version: String(version), down });
const reasonOf = (act: Promise<unknown>) =>
  act.then(
    (done) => (done instanceof DomainError ? done.reason : undefined),
    (error: DomainError) => error.reason,
  );
const say = async (senderId: string) => {
  const [sent] = await groupSendStore(writer())([
    { senderId, groupId, content: "hi", key: undefined, traceId: "" },
  ]);
  return sent!;
};
const notices = async () =>
  (await messageStore(own.db, own.events).messages({ userId: "2", peerId: groupId }, newest, 50)).flatMap(
    ({ notice, sender_id }) =>
      notice === NoticeKind.TAKEN_DOWN || notice === NoticeKind.RESTORED ? [[notice, sender_id]] : [],
  );
const newest = { beforeId: maxId.toString() };

test("in a group that is down nobody writes and nobody comes into it; who is in it sees that, and may leave", async () => {
  const said = await say("2");
  const messageId = (said as { id: string }).id;
  const react = (on: boolean) =>
    actStore(own.db, own.events, own.jobs).setReaction({ userId: "1", peerId: groupId, messageId }, "👍", on);
  await react(true);
  told = [];
  await judge(10, true);
  expect(told.sort()).toEqual(["1", "2"]);
  expect(await lists().groups("2", [groupId])).toMatchObject([{ down: true, name: "The group" }]);
  const acts = [
    say("2"),
    lists().refusal(groupId, "2"),
    groups().add(groupId, "1", { friends: ["4"], others: [] }),
    groups().add(groupId, "1", { friends: [], others: ["4"] }),
    groups().change(groupId, "1", { announcement: "Read this" }),
    entrance().makeLink(groupId, "1", link),
    entrance().join(groupId, "4", `${groupId}-c`),
    entrance().answer(groupId, "3", true),
    react(true),
  ];
  expect(await Promise.all(acts.map(reasonOf))).toEqual(acts.map(() => "GROUP_TAKEN_DOWN"));
  expect(await lists().byLink(`${groupId}-c`, "4")).toBeUndefined();
  expect(await lists().byLink(`${groupId}-c`, "2")).toMatchObject({ joined: true });
  const invitations = () => invitationLists(own.db).listed("3", newest.beforeId, 9);
  expect(await invitations()).toEqual([]);
  expect(await lists().typingAudiences([{ userId: "1", peerId: groupId }])).toEqual([[]]);
  await react(false);
  await judge(20, false);
  expect(await notices()).toEqual([
    [NoticeKind.TAKEN_DOWN, groupId],
    [NoticeKind.RESTORED, groupId],
  ]);
  expect(await reasonOf(say("2"))).toBeUndefined();
  expect(await invitations()).toMatchObject([{ group_id: groupId }]);
  await entrance().join(groupId, "4", `${groupId}-c`);
  await judge(30, true);
  await groups().remove(groupId, "2", "2");
  expect(await lists().groups("2", [groupId])).toEqual([]);
});

test("of what is decided the latest holds, and members are told what changes", async () => {
  const store = groupModerationStore(writer());
  const { moderateGroups, getGroupsForModerators } = moderationHandlers(
    {} as never,
    (() => store) as never,
    () => {},
  );
  await judge(20, true);
  await judge(10, false);
  await judge(20, true);
  await judge(30, true);
  const standings = [
    { groupId, version: "40", down: true },
    { groupId: "7", version: "40", down: true },
  ];
  expect(await moderateGroups({ standings } as never, {} as never)).toEqual({});
  expect(await notices()).toEqual([[NoticeKind.TAKEN_DOWN, groupId]]);
  await groups().setRole(groupId, "1", "2", GroupRole.OWNER);
  expect(await getGroupsForModerators({ groupIds: [groupId, "7", "x"] } as never, {} as never)).toEqual({
    groups: [
      {
        ...{ id: groupId, name: "The group", announcement: "", ownerId: "2" },
        ...{ members: 2, faceIds: ["1", "2"], takenDown: true },
      },
    ],
  });
  await expect(
    moderateGroups({ standings: [{ groupId, version: "" }] } as never, {} as never),
  ).rejects.toMatchObject({ reason: "INVALID_ARGUMENT" });
});
