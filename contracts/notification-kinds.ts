import { NotificationKind } from "./gen/message_pb.ts";

/** What people are told of, by the names that clients know; the numbers are those in the tables. */
export const notificationKinds = {
  follow: NotificationKind.FOLLOW,
  like: NotificationKind.LIKE,
  comment: NotificationKind.COMMENT,
  reply: NotificationKind.REPLY,
  mention: NotificationKind.MENTION,
  published: NotificationKind.PUBLISHED,
  failed: NotificationKind.FAILED,
  invitation: NotificationKind.INVITATION,
  held: NotificationKind.HELD,
  moderation: NotificationKind.MODERATION,
} as const;
/** What is pushed though it is in no list of notifications. */
export const pushedOnly = { message: NotificationKind.MESSAGE } as const;

export type NotificationKindName = keyof typeof notificationKinds;
export type PushedKindName = NotificationKindName | keyof typeof pushedOnly;

/** In settings. */
export const pushedKinds: Readonly<Record<PushedKindName, NotificationKind>> = {
  ...notificationKinds,
  ...pushedOnly,
};
const nameOf = new Map<number, PushedKindName>(
  Object.entries(pushedKinds).map(([name, kind]) => [kind, name as PushedKindName]),
);

export const kindName = (kind: number): PushedKindName | undefined => nameOf.get(kind);
export const isPushedOnly = (name: PushedKindName): name is keyof typeof pushedOnly => name in pushedOnly;
