import type { FastifyInstance } from "fastify";
import type { Message } from "#contracts/gen/message_pb.ts";
import { optionalPart } from "../composition/optional-part.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { endpoint, ok } from "./endpoint.ts";
import { oneOf, optionalTime, requiredId, text } from "./parameters.ts";
import { removedText, toClassicUser, userSchema } from "./present.ts";

/** The oldest new messages; a client gets the rest with its next request, which starts after these. */
const maxListed = 300;
/** The most people in a list, which has no pages. */
const maxFriends = 100;

const messageSchema = {
  type: "object",
  properties: {
    id: { type: "integer" },
    to_user_id: { type: "integer" },
    from_user_id: { type: "integer" },
    content: { type: "string" },
    create_time: { type: "integer" },
  },
} as const;

const friendSchema = {
  type: "object",
  properties: {
    ...userSchema.properties,
    message: { type: "string" },
    msgType: { type: "integer" },
    msg_type: { type: "integer" },
  },
} as const;

export function messageEndpoints(app: FastifyInstance, context: GatewayContext): void {
  const { message, relation, composer, urlsFor } = context;
  const optional = optionalPart(app.log);

  endpoint(app, context, {
    method: "POST",
    path: "/message/action",
    answer: {},
    async handle(parameters, request) {
      const receiverId = requiredId(parameters, "to_user_id");
      oneOf(parameters, "action_type", { "1": "send" });
      await message.send({ receiverId, content: text(parameters, "content") }, callOf(request));
      return ok;
    },
  });
  endpoint(app, context, {
    method: "GET",
    path: "/message/chat",
    answer: { message_list: { type: "array", items: messageSchema } },
    async handle(parameters, request) {
      const peerId = requiredId(parameters, "to_user_id");
      const afterMs = optionalTime(parameters, "pre_msg_time") ?? 1;
      const call = callOf(request);
      const { messages } = await message.listMessages({ peerId, afterMs, limit: maxListed }, call);
      const last = messages.findLast((one) => one.senderId === peerId);
      // These clients do not tell that messages were read; they ask only while the conversation is shown.
      if (last) await optional(call, "read", () => message.markRead({ peerId, upToId: last.id }, call));
      return { ...ok, message_list: messages.map(toClassicMessage) };
    },
  });
  endpoint(app, context, {
    method: "GET",
    path: "/relation/friend/list",
    answer: { user_list: { type: "array", items: friendSchema } },
    async handle(parameters, request) {
      const userId = requiredId(parameters, "user_id");
      const call = callOf(request);
      const { userIds } = await relation.listFriends({ userId, limit: maxFriends }, call);
      const [people, said] = await Promise.all([
        composer.people(userIds, call),
        optional(call, "messages", () => message.getLatest({ peerIds: userIds }, call)),
      ]);
      const latestOf = new Map(said?.latest.map((one) => [one.peerId, one.message]));
      const urls = urlsFor(request);
      return {
        ...ok,
        user_list: people.map((person) => ({
          ...toClassicUser(person, urls),
          ...toLatest(latestOf.get(person.user.id), person.user.id),
        })),
      };
    },
  });
}

function toClassicMessage(message: Message) {
  const { id, senderId, receiverId, sentAtMs } = message;
  return {
    id: BigInt(id),
    to_user_id: BigInt(receiverId),
    from_user_id: BigInt(senderId),
    content: plainText(message),
    create_time: sentAtMs,
  };
}

/** The direction of the latest message in a friend's entry; 0: the caller received it, 1: they sent it. */
function toLatest(latest: Message | undefined, friendId: string) {
  if (!latest) return {};
  const type = latest.senderId === friendId ? 0 : 1;
  return { message: plainText(latest), msgType: type, msg_type: type };
}

/** These clients show texts only. */
function plainText({ content, recalled, takenDown, picture, videoId, profileId }: Message): string {
  const shown = picture ? "[Picture]" : videoId ? "[Video]" : profileId ? "[Profile]" : "";
  if (takenDown) return removedText;
  return recalled ? "[Message recalled]" : [shown, content].filter(Boolean).join(" ");
}
