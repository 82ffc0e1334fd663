import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import Type from "typebox";
import type { Message } from "#contracts/gen/message_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { callOf } from "../edge/request-call.ts";
import type { GatewayContext } from "../gateway-context.ts";
import { fileOf } from "./file-body.ts";
import { peopleById } from "./people-by-id.ts";
import { type ApiUser, toApiGroup, toApiMessage } from "./present.ts";
import { answers, Id, NoContent, nullableText, PageQuery, pageOf } from "./schemas.ts";

const Params = Type.Object({
  userId: Type.String({ ...Id, description: "The other person, or the group." }),
});

/** Of a notice to many three are named. */
const named = 3;

/** Whom it takes to show a message in a group: who said it, whom it concerns, and whom it answers. */
function peopleOf({ senderId, notice, replyTo }: Message): string[] {
  return [senderId, ...(notice?.userIds.slice(0, named) ?? []), replyTo?.senderId ?? ""].filter(Boolean);
}
function found(ids: readonly string[], people: ReadonlyMap<string, ApiUser>): ApiUser[] {
  return [...new Set(ids)].flatMap((id) => people.get(id) ?? []);
}

/** Conversations of two people and in groups. */
export function messageRoutes({
  message,
  composer,
  intake,
  urlsFor,
}: GatewayContext): FastifyPluginAsyncTypebox {
  return async (app) => {
    app.get(
      "/conversations",
      {
        schema: {
          summary: "One's conversations, the one with the latest message first",
          tags: ["messages"],
          querystring: PageQuery,
          response: answers({
            200: Type.Object({
              ...pageOf("Conversation").properties,
              people: Type.Array(Type.Ref("User"), { description: "Of the latest messages in groups." }),
            }),
          }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const { cursor = "", limit } = request.query;
        const { conversations, next } = await message.listConversations({ before: cursor, limit }, call);
        const peerIds = conversations.flatMap(({ peerId, latest, group }) =>
          group ? [...group.faceIds, ...peopleOf(latest!)] : [peerId],
        );
        const urls = urlsFor(request);
        const people = await peopleById(composer, peerIds, urls, call);
        const items = conversations.flatMap(
          ({ peerId, latest, unread, mentions, readUpToId, muted, group }) => {
            const peer = people.get(peerId) ?? null;
            if (!peer && !group) return [];
            return [
              {
                ...{ id: peerId, latest: toApiMessage(latest!, urls), unread, mentions, muted },
                readUpTo: readUpToId || null,
                ...(group ? { peer: null, group: toApiGroup(group, people) } : { peer, group: null }),
              },
            ];
          },
        );
        const said = conversations.flatMap(({ latest, group }) => (group ? peopleOf(latest!) : []));
        return { items, nextCursor: next || null, people: found(said, people) };
      },
    );
    app.get(
      "/conversations/:userId/messages",
      {
        schema: {
          summary: "Messages between oneself and one person, or in a group",
          description:
            "Without `before` and `after`: the newest. In every page the oldest comes first. `nextCursor` goes on in " +
            "the direction asked for: send it as `after` if you sent that, else as `before`. To hear what is new, ask " +
            "again with the last id you have as `after`: no message ever appears before one that was seen. Of a group one " +
            "sees what was said since one came, or what it shows from before; `people` are those who said it.",
          tags: ["messages"],
          params: Params,
          querystring: Type.Object({
            before: Type.Optional(Id),
            after: Type.Optional(Id),
            limit: Type.Integer({ minimum: 1, maximum: 100, default: 50 }),
          }),
          response: answers({
            200: Type.Object({
              ...pageOf("Message").properties,
              people: Type.Array(Type.Ref("User"), {
                description: "Of messages in a group; otherwise empty.",
              }),
              muted: Type.Boolean({ description: "Whether what is said is not counted for the caller." }),
              peerReadUpTo: nullableText(
                Type.String({
                  description:
                    "With the newest messages: the last one that the other person has read. Null: none, or it is not told: " +
                    "in a group, whose members tell it, and where there is a block.",
                }),
              ),
            }),
          }),
        },
      },
      async (request) => {
        const call = callOf(request);
        const { before, after, limit } = request.query;
        if (before && after) throw refusal("INVALID_ARGUMENT", "Send `before` or `after`, not both.");
        const { messages, more, muted, peerReadUpToId } = await message.listMessages(
          { peerId: request.params.userId, beforeId: before ?? "", afterId: after ?? "", limit },
          call,
        );
        const edge = after ? messages.at(-1) : messages[0];
        const ids = messages.flatMap((one) => (one.inGroup ? peopleOf(one) : []));
        const urls = urlsFor(request);
        const people = await peopleById(composer, ids, urls, call);
        const nextCursor = (more && edge?.id) || null;
        const items = messages.map((one) => toApiMessage(one, urls));
        return {
          ...{ items, nextCursor, people: [...people.values()] },
          ...{ muted, peerReadUpTo: peerReadUpToId || null },
        };
      },
    );
    app.post(
      "/conversations/:userId/messages",
      {
        schema: {
          summary: "Send a message",
          description:
            "To friends, who follow each other, and in one's groups freely; to anybody else 3 messages at most until they " +
            "answer.",
          tags: ["messages"],
          params: Params,
          body: Type.Object({
            content: Type.String({
              maxLength: 16_000,
              description:
                "1 to 2,000 characters, line breaks among them. With something that is shown or sent on it may be empty.",
            }),
            replyTo: Type.Optional(Id),
            videoId: Type.Optional(Id),
            profileId: Type.Optional(Id),
            forward: Type.Optional(
              Type.Object(
                { conversationId: Id, messageId: Id },
                {
                  description:
                    "A message that the caller can read, to be sent on as it is; `content` is ignored.",
                },
              ),
            ),
            idempotencyKey: Type.Optional(
              Type.String({
                maxLength: 64,
                description: "One's own name for the message: sent again with the same key, it is the same.",
              }),
            ),
          }),
          response: answers({ 201: Type.Ref("Message") }),
        },
      },
      async (request, reply) => {
        const { content, replyTo = "", videoId = "", profileId = "", idempotencyKey = "" } = request.body;
        const { forward } = request.body;
        const sent = await message.send(
          {
            ...{ receiverId: request.params.userId, content, replyToId: replyTo, idempotencyKey },
            ...{ videoId, profileId },
            ...(forward && { forward: { peerId: forward.conversationId, messageId: forward.messageId } }),
          },
          callOf(request),
        );
        return reply.code(201).send(toApiMessage(sent, urlsFor(request)));
      },
    );
    app.post(
      "/conversations/:userId/pictures",
      {
        config: { takesFile: true },
        schema: {
          summary: "Send a picture: a JPEG, PNG, WebP, GIF, HEIC or AVIF of at most 8 MB",
          description:
            "What is kept are JPEGs without anything else that is in the file. Only who may read the message can load them.",
          tags: ["messages"],
          consumes: ["image/*", "application/octet-stream"],
          params: Params,
          querystring: Type.Object({
            replyTo: Type.Optional(Id),
            idempotencyKey: Type.Optional(Type.String({ maxLength: 64 })),
          }),
          response: answers({ 201: Type.Ref("Message") }),
        },
      },
      async (request, reply) => {
        const { replyTo = "", idempotencyKey = "" } = request.query;
        const staged = await intake.receivePicture(...fileOf(request));
        const sent = await message.sendPicture(
          {
            ...{ receiverId: request.params.userId, replyToId: replyTo, idempotencyKey },
            stagedPicture: staged.name,
          },
          callOf(request),
        );
        return reply.code(201).send(toApiMessage(sent, urlsFor(request)));
      },
    );
    app.put(
      "/conversations/:userId/read",
      {
        schema: {
          summary: "Mark as read what was written, up to a message",
          tags: ["messages"],
          params: Params,
          body: Type.Object({ upTo: Id }),
          response: answers({ 204: NoContent }),
        },
      },
      async (request, reply) => {
        const { userId: peerId } = request.params;
        await message.markRead({ peerId, upToId: request.body.upTo }, callOf(request));
        return reply.code(204).send(null);
      },
    );
    for (const [method, summary, muted] of [
      ["PUT", "Do not count what is said in a conversation", true],
      ["DELETE", "Count again what is said in a conversation", false],
    ] as const) {
      app.route({
        method,
        url: "/conversations/:userId/mute",
        schema: {
          summary,
          tags: ["messages"],
          params: Params,
          response: answers({ 204: NoContent }),
        },
        handler: async (request, reply) => {
          await message.muteConversation({ peerId: request.params.userId, muted }, callOf(request));
          return reply.code(204).send(null);
        },
      });
    }
    app.get(
      "/me/unread",
      {
        schema: {
          summary: "How much one has not read",
          tags: ["messages"],
          response: answers({
            200: Type.Object({
              messages: Type.Integer(),
              notifications: Type.Integer({ description: "Those that one has not seen." }),
            }),
          }),
        },
      },
      async (request) => {
        const { unread, notifications } = await message.countUnread({}, callOf(request));
        return { messages: unread, notifications };
      },
    );
  };
}
