import { MessageReportReason } from "#contracts/gen/message_pb.ts";
import type { ModerationService } from "#contracts/gen/moderation_pb.ts";
import { type ModerationReason, moderationReasons } from "#contracts/moderation-names.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import type { Ids } from "#platform/ids/snowflake.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { ReportStore } from "../report-store.ts";
import { checkReportText } from "../rules.ts";
import { findSubject, type Owners, readSubject } from "../subjects.ts";

type Service = Handlers<typeof ModerationService>;

/** Where what was said around a message is kept, other reasons have no name. */
const ofMessages: Partial<Record<ModerationReason, MessageReportReason>> = {
  spam: MessageReportReason.SPAM,
  abuse: MessageReportReason.ABUSE,
};

/** Reports of anything, by anybody who may see it. */
export function report(owners: Owners, store: PerCall<ReportStore>, ids: Ids): Service["report"] {
  return async (request, call) => {
    const reporterId = requireCaller(call);
    const named = readSubject(request.subject);
    const reason = readReason(request.reason);
    const words = checkReportText(request.text);
    const id = ids.next();
    if (named.kind !== "message") {
      const subject = await findSubject(owners, named, call, false);
      if (subject.ownerId === reporterId) throw refusal("REPORTS_OWN");
      await store(call).add({ subject, reporterId, id, reason, words, evidenceId: null });
      return {};
    }
    // What its reporter sees of the conversation now is kept by the module that has it.
    const kept = await owners.message.reportMessage(
      {
        ...{ peerId: request.peerId, messageId: named.id, text: words },
        reason: ofMessages[reason] ?? MessageReportReason.OTHER,
      },
      call,
    );
    const subject = { ...named, ownerId: kept.senderId, videoId: null };
    await store(call).add({ subject, reporterId, id, reason, words, evidenceId: kept.reportId });
    return {};
  };
}

/** Error: INVALID_ARGUMENT. */
export function readReason(text: string): ModerationReason {
  const reason = moderationReasons.find((name) => name === text);
  if (!reason) throw refusal("INVALID_ARGUMENT", `reason: one of ${moderationReasons.join(", ")}.`);
  return reason;
}
