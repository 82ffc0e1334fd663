import { ReportReason } from "#contracts/gen/interaction_pb.ts";
import { MessageReportReason } from "#contracts/gen/message_pb.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import { systemCall } from "#platform/rpc/system-call.ts";
import type { NewReport, ReportStore } from "./report-store.ts";
import type { Owners } from "./subjects.ts";

const page = 50;
const ofComments: Partial<Record<ReportReason, "spam" | "abuse">> = {
  [ReportReason.SPAM]: "spam",
  [ReportReason.ABUSE]: "abuse",
};
const ofMessages: Partial<Record<MessageReportReason, "spam" | "abuse">> = {
  [MessageReportReason.SPAM]: "spam",
  [MessageReportReason.ABUSE]: "abuse",
};

/**
 * Takes over what waits in the queues of comments and of messages, where a process of an earlier release put it. It stays
 * there, and what was taken over before is left alone.
 */
export async function takeEarlierReports(
  { interaction, message }: Pick<Owners, "interaction" | "message">,
  store: Pick<ReportStore, "add" | "unknown">,
  signal: AbortSignal,
): Promise<void> {
  const call = () => ({ ...systemCall({ signal }), callerId: "0", moderator: true });
  const commentPages = async (cursor: string) => {
    const { comments, next } = await interaction.listReportedComments({ cursor, limit: page }, call());
    const reports = comments.flatMap(({ comment, reports }) => {
      if (!comment) return [];
      const { id, authorId: ownerId, videoId } = comment;
      return reports.map(
        (report): NewReport => ({
          subject: { kind: "comment", id, ownerId, videoId },
          ...{ id: report.id, reporterId: report.reporterId, words: report.text, evidenceId: null },
          reason: ofComments[report.reason] ?? "other",
        }),
      );
    });
    return { reports, next };
  };
  const messagePages = async (cursor: string) => {
    const { reports, next } = await message.listReportedMessages({ cursor, limit: page }, call());
    const found = reports.flatMap(
      ({ id, reporterId, reason, text: words, messageId, lines }): NewReport[] => {
        const ownerId = lines.find((line) => line.reported)?.senderId;
        if (!ownerId || !messageId) return [];
        const subject = { kind: "message", id: messageId, ownerId, videoId: null } as const;
        return [{ subject, id, reporterId, words, evidenceId: id, reason: ofMessages[reason] ?? "other" }];
      },
    );
    return { reports: found, next };
  };
  for (const read of [commentPages, messagePages])
    for (let cursor: string | undefined = ""; cursor !== undefined; ) {
      const { reports, next }: Awaited<ReturnType<typeof commentPages>> = await read(cursor);
      // Too many of one person wait for the next time.
      for (const report of await store.unknown(reports))
        await store.add(report).catch((error: unknown) => {
          if (!(error instanceof DomainError)) throw error;
        });
      cursor = next || undefined;
    }
}
