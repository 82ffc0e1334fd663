import { ReportReason } from "#contracts/gen/interaction_pb.ts";
import { MessageReportReason } from "#contracts/gen/message_pb.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { systemCall } from "#platform/rpc/system-call.ts";
import type { NewReport } from "./report-store.ts";
import type { Owners } from "./subjects.ts";

const page = 50;
const ofComments = { [ReportReason.SPAM]: "spam", [ReportReason.ABUSE]: "abuse" } as const;
const ofMessages = { [MessageReportReason.SPAM]: "spam", [MessageReportReason.ABUSE]: "abuse" } as const;

/**
 * Takes over what waits in the queues of comments and of messages, where a process of an earlier release put it. It stays
 * there, and being added again changes nothing.
 */
export async function takeEarlierReports(
  { interaction, message }: Pick<Owners, "interaction" | "message">,
  add: (report: NewReport) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const call = () => ({ ...systemCall({ signal }), callerId: "0", moderator: true });
  // Too many of one person wait for the next time.
  const tryToAdd = (report: NewReport) =>
    add(report).catch((error: unknown) => {
      if (!(error instanceof DomainError)) throw error;
    });
  for (let cursor = "", more = true; more; more = cursor !== "") {
    const { comments, next } = await interaction.listReportedComments({ cursor, limit: page }, call());
    for (const { comment, reports } of comments)
      for (const { id, reporterId, reason, text: words } of comment ? reports : [])
        await tryToAdd({
          subject: {
            kind: "comment",
            id: comment!.id,
            ownerId: comment!.authorId,
            videoId: comment!.videoId,
          },
          ...{ id, reporterId, words, evidenceId: null },
          reason: ofComments[reason as keyof typeof ofComments] ?? "other",
        });
    cursor = next;
  }
  for (let cursor = "", more = true; more; more = cursor !== "") {
    const { reports, next } = await message.listReportedMessages({ cursor, limit: page }, call());
    for (const { id, reporterId, reason, text: words, messageId, lines } of reports) {
      const ownerId = lines.find((line) => line.reported)?.senderId;
      if (ownerId && messageId)
        await tryToAdd({
          subject: { kind: "message", id: messageId, ownerId, videoId: null },
          ...{ id, reporterId, words, evidenceId: id },
          reason: ofMessages[reason as keyof typeof ofMessages] ?? "other",
        });
    }
    cursor = next;
  }
}
