import type { MessageService } from "#contracts/gen/message_pb.ts";
import { notificationKinds as kinds, pushedKinds, pushedOnly } from "#contracts/notification-kinds.ts";
import { refusal } from "#contracts/reasons.ts";
import type { TimelineHead } from "#contracts/timelines.ts";
import type { PerCall } from "#platform/db/database.ts";
import { takePage } from "#platform/db/take-page.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { readCursor } from "../rules.ts";
import type { NotificationRow, NotificationStore } from "./notification-store.ts";

const maxPage = 50;
const allKinds = Object.values(pushedKinds);
const withComment: readonly number[] = [kinds.comment, kinds.reply, kinds.mention];

type Service = Handlers<typeof MessageService>;

export function notificationHandlers(
  store: PerCall<NotificationStore>,
  reached: (heads: TimelineHead[]) => void,
): Pick<
  Service,
  "listNotifications" | "markNotificationsSeen" | "getNotificationSettings" | "setNotificationSettings"
> {
  const settingsOf = async (...[userId, call]: [string, Parameters<typeof store>[0]]) => {
    const { unlisted, unpushed } = await store(call).settings(userId);
    return {
      kinds: allKinds.map((kind) => ({
        kind,
        list: !unlisted.includes(kind),
        push: !unpushed.includes(kind),
      })),
    };
  };
  return {
    async listNotifications({ cursor, limit }, call) {
      const userId = requireCaller(call);
      const before = readCursor(cursor);
      const { rows, after } = await takePage(limit, maxPage, (count) =>
        store(call).list(userId, before, count),
      );
      return { notifications: rows.map(toNotification), next: after?.position ?? "" };
    },
    async markNotificationsSeen({ upTo }, call) {
      const userId = requireCaller(call);
      if (isId(upTo)) reached(await store(call).markSeen(userId, upTo));
      return {};
    },
    getNotificationSettings: (_request, call) => settingsOf(requireCaller(call), call),
    async setNotificationSettings({ kinds: wanted }, call) {
      const userId = requireCaller(call);
      if (wanted.length > allKinds.length || !wanted.every(({ kind }) => allKinds.includes(kind)))
        throw refusal("INVALID_ARGUMENT", "Name each kind of notification once.");
      // What people write stays in its conversation.
      const listed = wanted.map((one) => ({ ...one, list: one.list || one.kind === pushedOnly.message }));
      reached(await store(call).set(userId, listed));
      return settingsOf(userId, call);
    },
  };
}

function toNotification(row: NotificationRow) {
  const isByNobody = row.kind === kinds.moderation;
  const hasComment = withComment.includes(row.kind) && row.thread_id !== null && row.thread_id !== "0";
  return {
    kind: row.kind,
    subjectId: row.subject_id,
    position: row.position,
    atMs: Number(row.at_ms),
    seen: row.seen,
    people: isByNobody ? 0 : Number(row.people),
    actorIds: isByNobody ? [] : row.actor_ids,
    videoId: row.video_id === "0" ? "" : row.video_id,
    commentId: hasComment ? row.fact_id! : "",
  };
}
