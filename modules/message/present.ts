import { timeOfId } from "#platform/ids/snowflake.ts";
import type { MessageRow, QuoteRow } from "./message-row.ts";
import { type EntryRow, entryKinds } from "./timeline-store.ts";

export function toMessage(row: MessageRow) {
  return {
    id: row.id,
    senderId: row.sender_id,
    receiverId: row.receiver_id,
    content: row.content,
    sentAtMs: timeOfId(row.id),
    recalled: row.recalled,
    ...(row.reply_to && { replyTo: toQuote(row.reply_to) }),
    reactions: row.reactions ?? [],
  };
}

function toQuote({ id, sender_id, content, recalled }: QuoteRow) {
  return { id, senderId: sender_id ?? "", content: content ?? "", recalled };
}

export function toEntry({ seq, kind, atMs, peerId, subjectId, actorId, message, key }: EntryRow) {
  const entry = { seq, atMs: Number(atMs), idempotencyKey: key ?? "" };
  if (kind === entryKinds.changed)
    return {
      ...entry,
      what: message
        ? { case: "changed" as const, value: toMessage(message) }
        : { case: "hidden" as const, value: { peerId, messageId: subjectId } },
    };
  if (message) return { ...entry, what: { case: "message" as const, value: toMessage(message) } };
  if (kind !== entryKinds.read) return entry;
  const mark = { readerId: actorId, peerId, upToId: subjectId };
  return { ...entry, what: { case: "read" as const, value: mark } };
}
