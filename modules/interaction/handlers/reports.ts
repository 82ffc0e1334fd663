import { type InteractionService, ReportReason } from "#contracts/gen/interaction_pb.ts";
import { readIdCursor } from "#contracts/id-cursor.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { takePage } from "#platform/db/take-page.ts";
import { type Ids, isId, timeOfId } from "#platform/ids/snowflake.ts";
import { requireCaller, requireModerator } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { SecurityLog } from "#platform/security/security-log.ts";
import { toModeratedComment } from "../present.ts";
import type { PublishedVideos } from "../published-videos.ts";
import type { ReportStore } from "../report-store.ts";
import { checkReport, maxPage } from "../rules.ts";

type Service = Handlers<typeof InteractionService>;

/** Reports of comments, and what moderators decide on them. */
export function reportHandlers(
  store: PerCall<ReportStore>,
  videos: PublishedVideos,
  ids: Ids,
  security: SecurityLog,
): Pick<Service, "reportComment" | "listReportedComments" | "dismissReports"> {
  return {
    async reportComment({ videoId, commentId, reason: named, text: words }, call) {
      const reporterId = requireCaller(call);
      const reason = reasonOf(named);
      const text = checkReport(words);
      await videos.find(videoId, call);
      if (!isId(commentId)) throw refusal("COMMENT_NOT_FOUND");
      await store(call).add({ videoId, commentId, reporterId, id: ids.next(), reason, text });
      return {};
    },
    async listReportedComments({ cursor, limit: asked }, call) {
      requireModerator(call);
      const position = readIdCursor(cursor) ?? "0";
      const { rows, after } = await takePage(asked, maxPage, (limit) => store(call).queue(position, limit));
      return {
        comments: rows.map((row) => ({
          comment: toModeratedComment(row),
          firstReportedAtMs: timeOfId(row.position),
          spam: Number(row.spam),
          abuse: Number(row.abuse),
          other: Number(row.other),
          texts: row.texts,
          reports: row.reports.map(({ reporter_id: reporterId, ...report }) => ({ reporterId, ...report })),
        })),
        next: after?.position ?? "",
      };
    },
    async dismissReports({ videoId, commentId, reason }, call) {
      const actorId = requireModerator(call);
      if (!isId(videoId)) throw refusal("VIDEO_NOT_FOUND");
      if (!isId(commentId)) throw refusal("COMMENT_NOT_FOUND");
      await store(call).dismiss(videoId, commentId);
      const subject = `comment ${commentId} on video ${videoId}`;
      await security.write({ kind: "reports-dismissed", actorId, subject, reason });
      return {};
    },
  };
}

function reasonOf(reason: ReportReason): 1 | 2 | 3 {
  if (reason === ReportReason.SPAM) return 1;
  if (reason === ReportReason.ABUSE) return 2;
  if (reason === ReportReason.OTHER) return 3;
  throw refusal("INVALID_ARGUMENT", "reason: say spam, abuse or other.");
}
