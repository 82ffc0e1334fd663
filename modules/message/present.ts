import { timeOfId } from "#platform/ids/snowflake.ts";
import type { MessageRow, QuoteRow } from "./message-row.ts";
import type { Picture } from "./picture-store.ts";
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
    forwarded: row.forwarded,
    ...(row.picture && { picture: toPicture(row.picture) }),
    videoId: row.video_id ?? "",
    profileId: row.profile_id ?? "",
  };
}

function toQuote({ sender_id, content, ...quote }: QuoteRow) {
  return { ...quote, senderId: sender_id ?? "", content: content ?? "" };
}

function toPicture({ key, small_key, width, height }: Picture) {
  return { key, smallKey: small_key, width, height };
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
