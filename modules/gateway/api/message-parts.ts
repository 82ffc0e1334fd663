import { type Message, type MessagePicture, NoticeKind, type Quote } from "#contracts/gen/message_pb.ts";
import type { MediaUrls } from "../media/media-urls.ts";
import { toEntities } from "./entities.ts";

export type PictureUrls = Pick<MediaUrls, "ofMessage">;

const noticeNames = {
  [NoticeKind.CREATED]: "created",
  [NoticeKind.ADDED]: "added",
  [NoticeKind.JOINED]: "joined",
  [NoticeKind.LEFT]: "left",
  [NoticeKind.REMOVED]: "removed",
  [NoticeKind.RENAMED]: "renamed",
  [NoticeKind.ANNOUNCED]: "announced",
  [NoticeKind.OWNER]: "owner",
  [NoticeKind.ADMIN]: "admin",
  [NoticeKind.NO_ADMIN]: "noAdmin",
  [NoticeKind.MUTED]: "muted",
  [NoticeKind.UNMUTED]: "unmuted",
  [NoticeKind.TAKEN_DOWN]: "takenDown",
  [NoticeKind.RESTORED]: "restored",
  // Of a later server.
  [NoticeKind.UNSPECIFIED]: "renamed",
} as const;

/** The conversation in which a message is, as the person `ownId` calls it. */
export function conversationOf({ senderId, receiverId, inGroup }: Message, ownId: string): string {
  return inGroup || senderId === ownId ? receiverId : senderId;
}

/** What a message has besides its text, as `messageParts` describes it. */
export function toMessageParts(message: Message, urls: PictureUrls) {
  const { id, content, inGroup, notice, recalled, takenDown, replyTo, reactions, mentions } = message;
  const { forwarded, picture, videoId, profileId } = message;
  const people = new Map(mentions.map(({ nameKey, userId }) => [nameKey, userId]));
  const entities = toEntities(content, people).filter(({ kind }) => kind === "mention");
  return {
    ...(inGroup && { inGroup }),
    ...(notice && { notice: { kind: noticeNames[notice.kind], userIds: notice.userIds } }),
    ...(recalled && { recalled }),
    ...(takenDown && { takenDown }),
    ...(forwarded && { forwarded }),
    ...(picture && { picture: toMessagePicture(id, picture, urls) }),
    ...(videoId && { videoId }),
    ...(profileId && { profileId }),
    ...(entities.length > 0 && { entities }),
    ...(replyTo && { replyTo: toQuote(replyTo) }),
    ...(reactions.length > 0 && {
      reactions: reactions.map(({ emoji, count, own }) => ({ emoji, count, own })),
    }),
  };
}

/** `id`: of the message, or of the report for which it is kept. */
export function toMessagePicture(
  id: string,
  { key, smallKey, width, height }: MessagePicture,
  urls: PictureUrls,
) {
  return { url: urls.ofMessage(id, key), smallUrl: urls.ofMessage(id, smallKey), width, height };
}

function toQuote({ id, senderId, content, recalled, picture, video, profile }: Quote) {
  const shows = picture ? ("picture" as const) : video ? ("video" as const) : profile && ("profile" as const);
  return {
    id,
    ...(senderId && { senderId }),
    text: content,
    ...(recalled && { recalled }),
    ...(shows && { shows }),
  };
}
