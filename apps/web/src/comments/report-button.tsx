import { useState } from "react";
import type { Comment } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { ReportDialog } from "../moderation/report-dialog.tsx";
import { useAsMember } from "../social/as-member.tsx";

/** Reports a comment to the moderators. */
export function ReportButton({ comment }: { comment: Comment }) {
  const { t } = useI18n();
  const asMember = useAsMember();
  const [asking, setAsking] = useState(false);
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
        <ReportDialog subject={{ kind: "comment", id: comment.id }} onClose={() => setAsking(false)} />
      )}
    </>
  );
}
