import { create } from "@bufbuild/protobuf";
import { afterAll, beforeAll, expect, test } from "vitest";
import { SendRequestSchema } from "#contracts/gen/message_pb.ts";
import { perCall } from "#platform/db/database.ts";
import { createSnowflake } from "#platform/ids/snowflake.ts";
import { waiting } from "#platform/testing/held-up.ts";
import { createModuleDatabase } from "#platform/testing/module-database.ts";
import { groupLists } from "../group-lists.ts";
import { groupSendStore } from "../group-send-store.ts";
import { groupStore } from "../group-store.ts";
import { migrations } from "../migrations.ts";
import { sendStore } from "../send-store.ts";
import { messageStore } from "../store.ts";
import type { Tables } from "../tables.ts";
import { sendHandlers } from "./send.ts";

let own: Awaited<ReturnType<typeof createModuleDatabase<Tables>>>;
const ids = createSnowflake({ node: 1, floorMs: 0, nowMs: Date.now });
beforeAll(async () => {
  own = await createModuleDatabase<Tables>("message", "sending", migrations);
});
afterAll(() => own.drop());

const writerOf = (db: typeof own.db) => ({ db, ids, events: own.events, reached: () => {} });
/** Other modules know nobody: whoever is written to is a group, or nothing. */
const nobody = {
  user: { getUsers: async () => ({ users: [] }), findUsers: async () => ({ users: [] }) },
  relation: {
    getStandings: async ({ people }: { people: unknown[] }) => ({ standings: people.map(() => [0]) }),
  },
};
const handlers = () =>
  sendHandlers(
    {
      send: perCall(own.db, (db) => sendStore(db, ids, own.events, () => {})),
      groupSend: perCall(own.db, (db) => groupSendStore(writerOf(db))),
      messages: perCall(own.db, (db) => messageStore(db, own.events)),
      groups: perCall(own.db, groupLists),
    },
    nobody as never,
    {} as never,
  );

test("who may not write in a group is told so at once, and does not queue with those who may", async () => {
  const { groupId } = await groupStore(writerOf(own.db), own.jobs).create(
    ...(["1", "The group", { friends: ["2"], others: [] }, undefined] as const),
  );
  await own.database.pool.query(
    `update message.member set silent_until_ms = ${Date.now() + 3_600_000} where user_id = 2`,
  );
  const { send } = handlers();
  const write = (callerId: string) => {
    const { signal } = new AbortController();
    const call = { callerId, traceId: "", deadlineMs: Date.now() + 60_000, signal };
    return send(create(SendRequestSchema, { receiverId: groupId, content: "hi" }), call);
  };
  const holder = await own.database.pool.connect();
  try {
    await holder.query(`begin; select from message.group_chat where id = ${groupId} for update`);
    const sent = write("1");
    await waiting(own.database.pool, 1);
    await expect(write("2")).rejects.toMatchObject({ reason: "MUTED_IN_GROUP" });
    await expect(write("3")).rejects.toMatchObject({ reason: "USER_NOT_FOUND" });
    await holder.query("commit");
    expect(await sent).toMatchObject({ senderId: "1" });
  } finally {
    holder.release(true);
  }
});
