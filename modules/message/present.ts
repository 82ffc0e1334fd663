import { timeOfId } from "#platform/ids/snowflake.ts";
import type { MessageRow } from "./pairs.ts";
import { type EntryRow, entryKinds } from "./timeline-store.ts";

export function toMessage(row: MessageRow) {
  return {
    id: row.id,
    senderId: row.sender_id,
    receiverId: row.receiver_id,
    content: row.content,
    sentAtMs: timeOfId(row.id),
  };
}

export function toEntry({ seq, kind, atMs, peerId, subjectId, actorId, message, key }: EntryRow) {
  const entry = { seq, atMs: Number(atMs), idempotencyKey: key ?? "" };
  if (message) return { ...entry, what: { case: "message" as const, value: toMessage(message) } };
  if (kind === entryKinds.settings)
    return { ...entry, what: { case: "settings" as const, value: { hidesPresence: subjectId === "1" } } };
  if (kind !== entryKinds.read) return entry;
  const mark = { readerId: actorId, peerId, upToId: subjectId };
  return { ...entry, what: { case: "read" as const, value: mark } };
}
