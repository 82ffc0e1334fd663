import Type, { type Static } from "typebox";
import { Compile } from "typebox/compile";
import type { Message, TimelineEntry } from "#contracts/gen/message_pb.ts";
import { conversationOf, type PictureUrls, toMessageParts } from "../api/message-parts.ts";
import { notificationId } from "../api/notification-kinds.ts";
import { toTime } from "../api/present.ts";
import { Id, messageParts } from "../api/schemas.ts";
import { maxSubscribed } from "./max-subscribed.ts";

/** What frames mean: the name by which a WebSocket agrees on it. */
export const subprotocol = "douya.1";

export const Seq = Type.String({
  pattern: "^\\d{1,19}$",
  description: "The number of an entry in the timeline of its person; each is one more than the one before.",
});
export const Epoch = Type.String({
  pattern: "^[\\w.-]{0,64}$",
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
      "membership (a message with a notice of a group, perhaps about one's own place in it), invitation (to a group), " +
      "muted (one has changed that for a conversation), notification, settings, or removed: what was there is gone, with " +
      "an account perhaps.",
  }),
  unread: Type.Optional(
    Type.Integer({ description: "How many messages one has not read, as it was when the entry was sent." }),
  ),
  message: Type.Optional(ApiMessage),
  hidden: Type.Optional(Type.Object({ conversationId: Id, messageId: Id })),
  invitation: Type.Optional(Type.Object({ conversationId: Id })),
  muted: Type.Optional(Type.Object({ conversationId: Id, muted: Type.Boolean() })),
  idempotencyKey: Type.Optional(
    Type.String({ description: "Of a message of one's own: the key it was sent with." }),
  ),
  read: Type.Optional(
    Type.Object(
      { conversationId: Id, readerId: Id, upTo: Id },
      {
        description:
          "In a group of up to 50 the authors of what was read are told that somebody has: the reader is the group itself, " +
          "and its members tell up to where each has read.",
      },
    ),
  ),
  notification: Type.Optional(
    Type.Object({
      id: Type.Union([Type.String(), Type.Null()], {
        description:
          "The latest notification with news, as it is in the list; of others that have some in the same five seconds " +
          "nothing else is told. Null: what was seen has changed, or the settings.",
      }),
    }),
  ),
  settings: Type.Optional(Type.Object({ presenceHidden: Type.Boolean() })),
});
const ids = (maxItems: number, description: string) =>
  Type.Optional(Type.Array(Id, { maxItems, description }));
/** Of each kind a connection has so many at once. */
const Subjects = {
  people: ids(maxSubscribed.people, "Whether they are here, or when they were."),
  videos: ids(maxSubscribed.videos, "Their counts, while they are in view."),
  comments: ids(maxSubscribed.comments, "Videos of which new comments are told as well."),
  uploads: ids(maxSubscribed.uploads, "Videos of one's own: the work on them."),
};
export const ApiPresence = Type.Object({
  userId: Id,
  online: Type.Boolean(),
  lastSeenAt: Type.Union([Time, Type.Null()], {
    description: "Null: they are here, or nothing is known, or they show it to nobody.",
  }),
});
const Live = Type.Object({
  videoId: Id,
  gone: Type.Optional(Type.Literal(true, { description: "One may not see it any more." })),
  counts: Type.Optional(
    Type.Object(
      {},
      {
        additionalProperties: true,
        description: "As in a Video, without `views`: these change with every second somebody watches.",
      },
    ),
  ),
  comments: Type.Optional(
    Type.Array(Type.Unknown(), {
      description:
        "New ones and replies, each a Comment, the newest first; of the latest also those that moderators have taken down or restored.",
    }),
  ),
  state: Type.Optional(Type.String({ description: "With `progress`, `failure` and `steps` as in a Video." })),
  progress: Type.Optional(Type.Number()),
  failure: Type.Optional(Type.Unknown()),
  steps: Type.Optional(Type.Array(Type.Unknown())),
});

/** What a client sends. A field that is not known here is left alone, so that newer clients can talk to older servers. */
export const clientFrames = {
  hello: frame("hello", {
    token: Type.String({ maxLength: 4_096 }),
    device: Type.String({
      maxLength: 64,
      description:
        "A name by which the client is the same after it comes back. Of too many connections of a person, an " +
        "earlier one of the same device is closed first.",
    }),
    epoch: Type.Optional(Epoch),
    seq: Type.Optional(Seq),
    urls: Type.Optional(
      Type.Literal("paths", { description: "URLs are paths of the page's own origin, not absolute." }),
    ),
  }),
  ack: frame("ack", {
    seq: Type.String({
      pattern: "^\\d{1,19}$",
      description: "Up to here the client has everything. It may be left out: the next `hello` says it.",
    }),
  }),
  send: frame("send", {
    idempotencyKey: Type.String({ minLength: 1, maxLength: 64 }),
    conversationId: Id,
    text: Type.String({ maxLength: 16_000 }),
    replyTo: Type.Optional(Id),
    videoId: Type.Optional(Id),
    profileId: Type.Optional(Id),
  }),
  token: frame("token", { token: Type.String({ maxLength: 4_096 }) }),
  subscribe: frame("subscribe", Subjects),
  unsubscribe: frame("unsubscribe", Subjects),
  typing: frame("typing", { conversationId: Id }),
  ping: frame("ping", {}),
};

const Refusal = {
  reason: Type.String(),
  detail: Type.String(),
  retryAfterMs: Type.Optional(Type.Integer()),
};
const Key = Type.String({
  description: "As it was sent. Missing in `refused`: it is about a `subscribe`, of which nothing was done.",
});
/** What the server sends. */
export const serverFrames = {
  welcome: frame("welcome", {
    epoch: Epoch,
    seq: Seq,
    recovered: Type.Boolean({
      description: "Whether what follows `seq` is everything after the position of the hello.",
    }),
    heartbeatMs: Type.Integer({
      description:
        "How often to send a ping at least. Where everybody comes at once, hellos wait in turn; a ping is answered " +
        "meanwhile as well.",
    }),
  }),
  entries: frame("entries", { entries: Type.Array(Entry) }),
  resync: frame("resync", { epoch: Epoch, seq: Seq }),
  sent: frame("sent", { idempotencyKey: Key, message: ApiMessage }),
  refused: frame("refused", { idempotencyKey: Type.Optional(Key), ...Refusal }),
  presence: frame("presence", { people: Type.Array(ApiPresence) }),
  typing: frame("typing", { conversationId: Id, userId: Id }),
  live: frame("live", { videos: Type.Array(Live) }),
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
  const { id, senderId, content, sentAtMs } = message;
  const sentAt = toTime(sentAtMs);
  const conversationId = conversationOf(message, ownId);
  return { id, conversationId, senderId, text: content, sentAt, ...toMessageParts(message, urls) };
}

/** An entry of that person's timeline. `removed`: its place stays, what was there is gone. */
export function toApiEntry(
  { seq, atMs, what, idempotencyKey, unread }: TimelineEntry,
  ownId: string,
  urls: PictureUrls,
) {
  const entry = {
    ...{ seq, at: toTime(atMs) },
    ...(idempotencyKey && { idempotencyKey }),
    ...(unread !== undefined && { unread }),
  };
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
    case "membership":
      return { ...entry, kind: "membership", message: toApiMessage(what.value, ownId, urls) };
    case "invitedToGroupId":
      return { ...entry, kind: "invitation", invitation: { conversationId: what.value } };
    case "muted": {
      const { peerId, muted } = what.value;
      return { ...entry, kind: "muted", muted: { conversationId: peerId, muted } };
    }
    case "notification":
      return { ...entry, kind: "notification", notification: { id: notificationId(what.value) } };
    case "settings":
      return { ...entry, kind: "settings", settings: { presenceHidden: what.value.hidesPresence } };
    default:
      return { ...entry, kind: "removed" };
  }
}
