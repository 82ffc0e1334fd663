import { NotificationKind } from "#contracts/gen/message_pb.ts";

/** What people are told of; the numbers are those in the tables. 8 and 9 are kept for groups and moderation. */
export const kinds = {
  follow: NotificationKind.FOLLOW,
  like: NotificationKind.LIKE,
  comment: NotificationKind.COMMENT,
  reply: NotificationKind.REPLY,
  mention: NotificationKind.MENTION,
  published: NotificationKind.PUBLISHED,
  failed: NotificationKind.FAILED,
} as const;

export type KindName = keyof typeof kinds;
export const allKinds: readonly NotificationKind[] = Object.values(kinds);
/** By their numbers. */
export const kindNames: ReadonlyMap<number, string> = new Map(
  Object.entries(kinds).map(([name, kind]) => [kind, name]),
);
