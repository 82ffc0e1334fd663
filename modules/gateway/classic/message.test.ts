import fastify from "fastify";
import { expect, test } from "vitest";
import { noRateLimit } from "#platform/protect/rate-limit.ts";
import { createLimits } from "../edge/limits.ts";
import { tellMissing } from "../edge/request-call.ts";
import { applyRouteTable } from "../edge/route-table.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { messageEndpoints } from "./message.ts";

const said = { id: "5", senderId: "2", receiverId: "1", content: "Hello", sentAtMs: 7 };
const fails = async () => {
  throw new Error("the message service is away");
};

/** A request of a person whose messages come from `message`. */
async function ask(url: string, message: object) {
  const app = fastify();
  tellMissing(app);
  applyRouteTable(app);
  app.decorate("outage", () => undefined);
  const context = {
    auth: { known: () => undefined, identify: async () => ({ userId: "1" }) },
    limits: createLimits({ rateLimit: () => noRateLimit }),
    admit: { guard() {}, enter: async () => {}, watch() {} },
    relation: { listFriends: async () => ({ userIds: [] }) },
    composer: { people: async () => [] },
    urlsFor: () => ({}),
    message,
  } as unknown as GatewayContext;
  await app.register(async (scope) => messageEndpoints(scope, context), { prefix: "/douyin" });
  const answer = await app.inject(`/douyin${url}`);
  await app.close();
  return { status: answer.statusCode, missing: answer.headers["douya-missing"], body: answer.json() };
}

test("read messages are shown even if the read position cannot be saved", async () => {
  const listMessages = async () => ({ messages: [said] });
  const url = "/message/chat?token=a&to_user_id=2";
  const message_list = [expect.objectContaining({ id: 5, content: "Hello" })];
  expect(await ask(url, { listMessages, markRead: async () => ({}) })).toEqual({
    status: 200,
    missing: undefined,
    body: expect.objectContaining({ message_list }),
  });
  expect(await ask(url, { listMessages, markRead: fails })).toEqual({
    status: 200,
    missing: "read",
    body: expect.objectContaining({ message_list }),
  });
});

test("friends are shown without their latest message, and the answer says so", async () => {
  const url = "/relation/friend/list?token=a&user_id=1";
  const body = expect.objectContaining({ user_list: [] });
  expect(await ask(url, { getLatest: async () => ({ latest: [] }) })).toEqual({
    status: 200,
    missing: undefined,
    body,
  });
  expect(await ask(url, { getLatest: fails })).toEqual({ status: 200, missing: "messages", body });
});
