import { useState } from "react";
import { take } from "../api/client.ts";
import { useServices } from "../api/services.tsx";
import type { Comment } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { ReportDialog } from "../moderation/report-dialog.tsx";
import { useAsMember } from "../social/as-member.tsx";

/** Reports a comment to the moderators. */
export function ReportButton({ comment }: { comment: Comment }) {
  const { t } = useI18n();
  const { api } = useServices();
  const asMember = useAsMember();
  const [asking, setAsking] = useState(false);
  const { id: commentId, videoId: id } = comment;
  return (
    <>
      <button
        type="button"
        aria-label={t.reportOf(comment.author.name)}
        onClick={() => asMember("report", () => setAsking(true))}
      >
        {t.report}
      </button>
      {asking && (
        <ReportDialog
          title={t.reportTitle}
          send={(body) =>
            take(
              api.POST("/api/v1/videos/{id}/comments/{commentId}/report", {
                params: { path: { id, commentId } },
                body,
              }),
            )
          }
          onClose={() => setAsking(false)}
        />
      )}
    </>
  );
}
