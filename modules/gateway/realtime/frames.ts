import Type, { type Static } from "typebox";
import { Compile } from "typebox/compile";
import type { Message, TimelineEntry } from "#contracts/gen/message_pb.ts";
import { toTime } from "../api/present.ts";
import { Id } from "../api/schemas.ts";

const Seq = Type.String({ pattern: "^\\d{1,19}$" });
const Epoch = Type.String({ maxLength: 64 });
const frame = <Name extends string, Fields extends Record<string, Type.TSchema>>(
  name: Name,
  fields: Fields,
) => Type.Object({ type: Type.Literal(name), ...fields });

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
  }),
  ping: frame("ping", {}),
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
export function toApiMessage({ id, senderId, receiverId, content, sentAtMs }: Message, ownId: string) {
  const conversationId = senderId === ownId ? receiverId : senderId;
  return { id, conversationId, senderId, text: content, sentAt: toTime(sentAtMs) };
}

/** An entry of that person's timeline. `removed`: its place stays, what was there went with somebody's account. */
export function toApiEntry({ seq, atMs, what }: TimelineEntry, ownId: string) {
  const entry = { seq, at: toTime(atMs) };
  switch (what.case) {
    case "message":
      return { ...entry, kind: "message", message: toApiMessage(what.value, ownId) };
    case "read": {
      const { readerId, peerId, upToId } = what.value;
      return { ...entry, kind: "read", read: { conversationId: peerId, readerId, upTo: upToId } };
    }
    default:
      return { ...entry, kind: "removed" };
  }
}
