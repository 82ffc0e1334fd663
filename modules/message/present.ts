import { timeOfId } from "#platform/ids/snowflake.ts";
import type { SeenGroup } from "./group-lists.ts";
import type { MessageRow, Picture, QuoteRow } from "./message-row.ts";
import { type EntryRow, entryKinds } from "./timeline-store.ts";

export function toMessage(row: MessageRow) {
  return {
    id: row.id,
    senderId: row.sender_id,
    receiverId: row.receiver_id,
    content: row.content,
    sentAtMs: timeOfId(row.id),
    inGroup: row.in_group,
    ...(row.notice && { notice: { kind: row.notice, userIds: row.people ?? [] } }),
    recalled: row.recalled,
    takenDown: row.taken_down,
    ...(row.reply_to && { replyTo: toQuote(row.reply_to) }),
    reactions: row.reactions ?? [],
    forwarded: row.forwarded,
    ...(row.picture && { picture: toPicture(row.picture) }),
    videoId: row.video_id ?? "",
    profileId: row.profile_id ?? "",
    mentions: (row.mentions ?? []).map((one) => ({ nameKey: one.name_key, userId: one.user_id })),
  };
}

function toQuote({ sender_id, content, ...quote }: QuoteRow) {
  return { ...quote, senderId: sender_id ?? "", content: content ?? "" };
}

export function toPicture({ key, small_key, width, height }: Picture) {
  return { key, smallKey: small_key, width, height };
}

export function toGroup(row: SeenGroup) {
  return {
    id: row.id,
    name: row.name,
    announcement: row.announcement,
    showsLatest: row.shows_latest,
    members: row.members,
    faceIds: row.face_ids,
    role: row.role,
    muted: row.muted,
    silentUntilMs: Number(row.silent_until_ms),
    takenDown: row.down,
  };
}

export function toEntry({ seq, kind, atMs, peerId, subjectId, actorId, unread, there, message }: EntryRow) {
  const entry = { seq, atMs: Number(atMs), idempotencyKey: message?.key ?? "", unread };
  switch (kind) {
    case entryKinds.message:
      return message ? { ...entry, what: { case: "message" as const, value: toMessage(message) } } : entry;
    case entryKinds.changed:
      return {
        ...entry,
        what: message
          ? { case: "changed" as const, value: toMessage(message) }
          : { case: "hidden" as const, value: { peerId, messageId: subjectId } },
      };
    case entryKinds.read: {
      const mark = { readerId: actorId, peerId, upToId: subjectId };
      return { ...entry, what: { case: "read" as const, value: mark } };
    }
    case entryKinds.membership:
      if (message) return { ...entry, what: { case: "membership" as const, value: toMessage(message) } };
      return subjectId === "0"
        ? { ...entry, what: { case: "invitedToGroupId" as const, value: peerId } }
        : entry;
    case entryKinds.notification: {
      if (!there && actorId !== "0") return entry;
      const value = { kind: Number(actorId), subjectId };
      return { ...entry, what: { case: "notification" as const, value } };
    }
    case entryKinds.settings: {
      const is = subjectId === "1";
      if (peerId === "0")
        return { ...entry, what: { case: "settings" as const, value: { hidesPresence: is } } };
      const muted = { peerId, muted: is };
      return { ...entry, what: { case: "muted" as const, value: muted } };
    }
    default:
      return entry;
  }
}
