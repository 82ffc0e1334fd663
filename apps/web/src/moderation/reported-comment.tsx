import { useState } from "react";
import { Link } from "wouter";
import type { Reported } from "../api/types.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Avatar } from "../ui/avatar.tsx";
import { ReasonDialog } from "./reason-dialog.tsx";
import { useJudge } from "./use-judge.ts";
import "../ui/tag.css";

const REASONS = ["abuse", "spam", "other"] as const;

/** A comment with its reports. */
export function ReportedComment({ reported }: { reported: Reported }) {
  const { t, format } = useI18n();
  const { comment, reports, texts, firstReportedAt } = reported;
  const { author } = comment;
  const [asking, setAsking] = useState<"deleted" | "stands" | null>(null);
  const judge = useJudge(comment);
  const dialog = {
    busy: judge.isPending,
    onConfirm: (reason: string) =>
      asking && judge.mutate({ verdict: asking, reason }, { onSettled: () => setAsking(null) }),
    onClose: () => setAsking(null),
  };
  return (
    <li className="reported">
      <div className="reported-who">
        <Link href={`/user/${author.id}`}>
          <Avatar user={author} size={36} />
          <span dir="auto">{author.name}</span>
        </Link>
        <time dateTime={firstReportedAt}>{t.reportedAt(format.ago(firstReportedAt))}</time>
      </div>
      <p className="reported-text" dir="auto">
        {comment.text}
      </p>
      <div className="reported-why">
        {REASONS.filter((reason) => reports[reason] > 0).map((reason) => (
          <b key={reason} className="tag tag-pinned">
            {t.reasonCount(t.reportReasons[reason], format.number(reports[reason]))}
          </b>
        ))}
      </div>
      {texts.length > 0 && (
        <ul className="reported-words">
          {texts.map((text, i) => (
            // biome-ignore lint/suspicious/noArrayIndexKey: two people may say the same; the list never changes its order.
            <li key={i} dir="auto">
              {text}
            </li>
          ))}
        </ul>
      )}
      <div className="reported-actions">
        <Link href={`/video/${comment.videoId}?comments`} className="link">
          {t.toComment}
        </Link>
        <button
          type="button"
          className="button button-quiet"
          disabled={judge.isPending}
          onClick={() => setAsking("stands")}
        >
          {t.letStand}
        </button>
        <button
          type="button"
          className="button button-danger"
          disabled={judge.isPending}
          onClick={() => setAsking("deleted")}
        >
          {t.deleteAction}
        </button>
      </div>
      {asking === "stands" && <ReasonDialog title={t.letStandTitle} action={t.letStand} {...dialog} />}
      {asking === "deleted" && (
        <ReasonDialog
          title={t.deleteCommentTitle}
          body={comment.replies > 0 ? t.deleteWithReplies : t.deleteCommentBody}
          action={t.deleteAction}
          {...dialog}
        />
      )}
    </li>
  );
}
