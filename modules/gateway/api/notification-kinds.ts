import type { Notification } from "#contracts/gen/message_pb.ts";
import { kindName } from "#contracts/notification-kinds.ts";

/** The name of a notification in the API; null if it is none that is known here. */
export function notificationId({ kind, subjectId }: Pick<Notification, "kind" | "subjectId">): string | null {
  const name = kindName(kind);
  return name ? `${name}-${subjectId}` : null;
}
