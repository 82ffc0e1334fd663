import { afterAll, beforeAll, expect, test } from "vitest";
import { messageSent, timelinesGrown } from "#contracts/events.ts";
import { notificationKinds as kinds } from "#contracts/notification-kinds.ts";
import type { DomainError } from "#platform/errors/domain-error.ts";
import { createSnowflake } from "#platform/ids/snowflake.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { actStore } from "./act-store.ts";
import { tellEveryMs } from "./late-teller.ts";
import type { MessageRow } from "./message-row.ts";
import { migrations } from "./migrations.ts";
import { applyToLists, notificationStore } from "./notifications/notification-store.ts";
import { presenceStore } from "./presence-store.ts";
import { sendStore } from "./send-store.ts";
import { messageStore } from "./store.ts";
import type { Tables } from "./tables.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
let cursor = "";
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("message", "grown", migrations);
  ({ cursor } = await own.events.changesSince([messageSent, timelinesGrown], cursor));
});
afterAll(() => own.drop());

const ids = createSnowflake({ node: 1, floorMs: 0, nowMs: Date.now });
/** How far timelines have got, as other processes learn it from the log: of each event. */
async function told(): Promise<string[]> {
  const found = await own.events.changesSince([messageSent, timelinesGrown], cursor);
  cursor = found.cursor;
  return found
    .events!.map(({ message: said }) =>
      "userIds" in said
        ? said.userIds.map((id, i) => `${id} at ${said.seqs[i]}`)
        : [`${said.senderId} at ${said.senderSeq}`, `${said.receiverId} at ${said.receiverSeq}`],
    )
    .map((heads) => heads.sort().join(", "));
}

test("whatever reaches people is told by the log, each change in one event", async () => {
  const store = messageStore(own.db, own.events);
  const send = async (senderId: string, receiverId: string) => {
    const message = { senderId, receiverId, content: "hello", key: undefined, friends: true, traceId: "" };
    return sendStore(own.db, ids, own.events, () => {})([message]) as Promise<(MessageRow | DomainError)[]>;
  };
  const [sent] = (await send("1", "2")) as [MessageRow];
  expect(await told()).toEqual(["1 at 1, 2 at 1"]);
  await send("1", "3");
  expect(await told()).toEqual(["1 at 2, 3 at 1"]);
  const [upToId, peerId] = ["9000000000000000000", "1"];
  await store.markRead([
    { userId: "2", peerId, upToId },
    { userId: "3", peerId, upToId },
  ]);
  expect(await told()).toEqual(["1 at 4, 2 at 2, 3 at 2"]);
  await store.markRead([{ userId: "2", peerId, upToId }]);
  expect(await told()).toEqual([]);
  await store.mute({ userId: "2", peerId }, true);
  expect(await told()).toEqual(["2 at 3"]);
  await actStore(own.db, own.events, own.jobs).setReaction(
    { userId: "2", peerId, messageId: sent.id },
    "👍",
    true,
  );
  expect(await told()).toEqual(["1 at 5, 2 at 4"]);
  await presenceStore(own.db, own.events).hide("3", true);
  expect(await told()).toEqual(["3 at 3"]);
});

test("so are notifications, at once and late, and what one does with them", async () => {
  const notifications = notificationStore(own.db, own.events);
  const like = (actorId: string, atMs: number) =>
    own.events.transaction(own.db, (on, emit) => {
      const subject = { kind: kinds.like, subjectId: "50", videoId: "50", threadId: "0" };
      const fact = { ...subject, userId: "4", factId: actorId, actorId, atMs };
      return applyToLists(on, [{ what: "add", fact }], { emit, push: async () => {} }, atMs);
    });
  const now = Date.now();
  await like("5", now);
  expect(await told()).toEqual(["4 at 1"]);
  await like("6", now + 1);
  expect(await told()).toEqual([]);
  await notifications.tellLate(now + 2 * tellEveryMs);
  expect(await told()).toEqual(["4 at 2"]);
  await notifications.markSeen("4", "9000000000000000000");
  expect(await told()).toEqual(["4 at 3"]);
  await notifications.set("4", [{ kind: kinds.like, list: true, push: false }]);
  expect(await told()).toEqual(["4 at 4"]);
});
