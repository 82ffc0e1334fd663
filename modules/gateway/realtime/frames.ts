import Type, { type Static } from "typebox";
import { Compile } from "typebox/compile";
import type { Message, TimelineEntry } from "#contracts/gen/message_pb.ts";
import { type PictureUrls, toMessageParts } from "../api/message-parts.ts";
import { toTime } from "../api/present.ts";
import { Id, messageParts } from "../api/schemas.ts";

/** What frames mean: the name by which a WebSocket agrees on it. */
export const subprotocol = "douya.1";

export const Seq = Type.String({
  pattern: "^\\d{1,19}$",
  description: "The number of an entry in the timeline of its person; each is one more than the one before.",
});
export const Epoch = Type.String({
  maxLength: 64,
  description: "Numbers of another epoch mean something else.",
});
const Time = Type.String({ format: "date-time" });
const frame = <Name extends string, Fields extends Record<string, Type.TSchema>>(
  name: Name,
  fields: Fields,
) => Type.Object({ type: Type.Literal(name), ...fields });

const ApiMessage = Type.Object({
  id: Id,
  conversationId: Id,
  senderId: Id,
  text: Type.String(),
  sentAt: Time,
  ...messageParts,
});
/** A kind that a client does not know is one of a later server: it has its place, and nothing to show. */
export const Entry = Type.Object({
  seq: Seq,
  at: Time,
  kind: Type.String({
    description:
      "message; changed: a message that was there is this now; hidden: the person has removed one for themselves; read; " +
      "removed: what was there is gone.",
  }),
  message: Type.Optional(ApiMessage),
  hidden: Type.Optional(Type.Object({ conversationId: Id, messageId: Id })),
  idempotencyKey: Type.Optional(
    Type.String({ description: "Of a message of one's own: the key it was sent with." }),
  ),
  read: Type.Optional(Type.Object({ conversationId: Id, readerId: Id, upTo: Id })),
});

/** What a client sends. A field that is not known here is left alone, so that newer clients can talk to older servers. */
export const clientFrames = {
  hello: frame("hello", {
    token: Type.String({ maxLength: 4_096 }),
    device: Type.String({ maxLength: 64 }),
    epoch: Type.Optional(Epoch),
    seq: Type.Optional(Seq),
  }),
  ack: frame("ack", { seq: Seq }),
  send: frame("send", {
    idempotencyKey: Type.String({ minLength: 1, maxLength: 64 }),
    conversationId: Id,
    text: Type.String({ maxLength: 16_000 }),
    replyTo: Type.Optional(Id),
    videoId: Type.Optional(Id),
    profileId: Type.Optional(Id),
  }),
  token: frame("token", { token: Type.String({ maxLength: 4_096 }) }),
  ping: frame("ping", {}),
};

const Refusal = {
  reason: Type.String(),
  detail: Type.String(),
  retryAfterMs: Type.Optional(Type.Integer()),
};
const Key = Type.String({ description: "As it was sent." });
/** What the server sends. */
export const serverFrames = {
  welcome: frame("welcome", {
    epoch: Epoch,
    seq: Seq,
    recovered: Type.Boolean({
      description: "Whether what follows `seq` is everything after the position of the hello.",
    }),
    heartbeatMs: Type.Integer({ description: "How often to send a ping at least." }),
  }),
  entries: frame("entries", { entries: Type.Array(Entry) }),
  resync: frame("resync", { epoch: Epoch, seq: Seq }),
  sent: frame("sent", { idempotencyKey: Key, message: ApiMessage }),
  refused: frame("refused", { idempotencyKey: Key, ...Refusal }),
  pong: frame("pong", {}),
  reconnect: frame("reconnect", { afterMs: Type.Integer() }),
  bye: frame("bye", Refusal),
};

export type ClientFrame = {
  [Name in keyof typeof clientFrames]: Static<(typeof clientFrames)[Name]>;
}[keyof typeof clientFrames];

const checks = new Map(
  Object.entries(clientFrames).map(([name, schema]) => [name, Compile(schema as Type.TSchema)]),
);

/** The frame in a text; undefined if it is none. */
export function readFrame(text: string): ClientFrame | undefined {
  try {
    const value = JSON.parse(text) as ClientFrame;
    return checks.get(String(value?.type))?.Check(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** A message as the person `ownId` sees it. */
export function toApiMessage(message: Message, ownId: string, urls: PictureUrls) {
  const { id, senderId, receiverId, content, sentAtMs } = message;
  const conversationId = senderId === ownId ? receiverId : senderId;
  const sentAt = toTime(sentAtMs);
  return { id, conversationId, senderId, text: content, sentAt, ...toMessageParts(message, urls) };
}

/** An entry of that person's timeline. `removed`: its place stays, what was there is gone. */
export function toApiEntry(
  { seq, atMs, what, idempotencyKey }: TimelineEntry,
  ownId: string,
  urls: PictureUrls,
) {
  const entry = { seq, at: toTime(atMs), ...(idempotencyKey && { idempotencyKey }) };
  switch (what.case) {
    case "message":
      return { ...entry, kind: "message", message: toApiMessage(what.value, ownId, urls) };
    case "changed":
      return { ...entry, kind: "changed", message: toApiMessage(what.value, ownId, urls) };
    case "hidden": {
      const { peerId, messageId } = what.value;
      return { ...entry, kind: "hidden", hidden: { conversationId: peerId, messageId } };
    }
    case "read": {
      const { readerId, peerId, upToId } = what.value;
      return { ...entry, kind: "read", read: { conversationId: peerId, readerId, upTo: upToId } };
    }
    default:
      return { ...entry, kind: "removed" };
  }
}
