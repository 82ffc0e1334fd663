import { MessageReportReason, type MessageService } from "#contracts/gen/message_pb.ts";
import { readIdCursor } from "#contracts/id-cursor.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { takePage } from "#platform/db/take-page.ts";
import { type Ids, isId, timeOfId } from "#platform/ids/snowflake.ts";
import { requireCaller, requireModerator } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { SecurityLog } from "#platform/security/security-log.ts";
import { toPicture } from "../present.ts";
import type { MessageReportStore, ReportRow } from "../report-store.ts";
import { checkModerated, checkReport, maxReportsListed, shownAroundReported } from "../rules.ts";
import type { MessageStore, Range } from "../store.ts";

type Service = Handlers<typeof MessageService>;

/** Reports of messages, and moderators who look at them. */
export function reportHandlers(
  messages: PerCall<Pick<MessageStore, "messages">>,
  store: PerCall<MessageReportStore>,
  { ids, security }: { ids: Ids; security: SecurityLog },
): Pick<Service, "reportMessage" | "listReportedMessages" | "judgeMessageReport" | "getMessageReports"> {
  return {
    async reportMessage({ peerId: named, messageId, reason, text: words }, call) {
      const reporterId = requireCaller(call);
      if (!(reason in MessageReportReason) || reason === MessageReportReason.UNSPECIFIED)
        throw refusal("INVALID_ARGUMENT", "reason: say spam, abuse or other.");
      const text = checkReport(words);
      if (!isId(messageId)) throw refusal("MESSAGE_NOT_FOUND");
      const peerId = named || (await store(call).conversationOf(reporterId, messageId));
      if (!peerId || !isId(peerId)) throw refusal("MESSAGE_NOT_FOUND");
      const pair = { userId: reporterId, peerId };
      const [reported] = await messages(call).messages(pair, { afterId: before(messageId) }, 1);
      if (reported?.id !== messageId || reported.notice !== null) throw refusal("MESSAGE_NOT_FOUND");
      if (reported.sender_id === reporterId) throw refusal("REPORTS_OWN");
      if (reported.recalled) throw refusal("MESSAGE_RECALLED");
      const around: Range[] = [{ beforeId: messageId }, { afterId: messageId }];
      const found = await Promise.all(
        around.map((range) => messages(call).messages(pair, range, shownAroundReported)),
      );
      const others = found.flat().filter(({ notice, recalled }) => notice === null && !recalled);
      const report = { id: ids.next(), reporterId, peerId, reason, text, reported, others };
      return { reportId: await store(call).add(report), senderId: reported.sender_id };
    },
    async listReportedMessages({ cursor, limit: asked }, call) {
      requireModerator(call);
      const position = readIdCursor(cursor) ?? "0";
      const { rows, after } = await takePage(asked, maxReportsListed, (limit) =>
        store(call).waiting(position, limit),
      );
      return { reports: rows.map(toReport), next: after?.id ?? "" };
    },
    async getMessageReports({ reportIds }, call) {
      requireModerator(call);
      checkModerated(reportIds);
      return { reports: (await store(call).byIds(reportIds.filter(isId))).map(toReport) };
    },
    async judgeMessageReport({ id, reason }, call) {
      const actorId = requireModerator(call);
      if (!isId(id) || !(await store(call).judge(id))) throw refusal("NOT_FOUND");
      await security.write({
        kind: "reports-dismissed",
        actorId,
        subject: `report ${id} of a message`,
        reason,
      });
      return {};
    },
  };
}

function toReport({ id, reporter_id, in_group, reason, text, lines }: ReportRow) {
  return {
    ...{ id, reporterId: reporter_id, inGroup: in_group, reason, text, reportedAtMs: timeOfId(id) },
    messageId: lines.find((line) => line.reported)?.message_id ?? "",
    lines: lines.map((line) => ({
      ...{ senderId: line.sender_id, content: line.content, picture: line.picture },
      ...(line.shown && { shown: toPicture(line.shown) }),
      ...{ videoId: line.video_id ?? "", profileId: line.profile_id ?? "" },
      ...{ sentAtMs: timeOfId(line.message_id), reported: line.reported },
    })),
  };
}

const before = (id: string) => String(BigInt(id) - 1n);
