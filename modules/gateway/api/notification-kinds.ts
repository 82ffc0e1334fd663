import { type Notification, NotificationKind } from "#contracts/gen/message_pb.ts";

/** Names of kinds in the API, by their numbers. */
export const kindNames = {
  [NotificationKind.FOLLOW]: "follow",
  [NotificationKind.LIKE]: "like",
  [NotificationKind.COMMENT]: "comment",
  [NotificationKind.REPLY]: "reply",
  [NotificationKind.MENTION]: "mention",
  [NotificationKind.PUBLISHED]: "published",
  [NotificationKind.FAILED]: "failed",
} as const;
export type Known = keyof typeof kindNames;
export type KindName = (typeof kindNames)[Known];
export const kindEntries = Object.entries(kindNames).map(
  ([kind, name]) => [Number(kind) as Known, name] as const,
);

/** The name of a notification in the API; null if it is none that is known here. */
export function notificationId({ kind, subjectId }: Pick<Notification, "kind" | "subjectId">): string | null {
  const name = kindNames[kind as Known];
  return name ? `${name}-${subjectId}` : null;
}
