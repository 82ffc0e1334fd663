import { Link } from "wouter";
import { asProblem } from "../api/problem.ts";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Notice } from "../ui/notice.tsx";
import { RetryButton } from "../ui/retry-button.tsx";

/** Instead of a video: it is not there for the viewer, or cannot be loaded now. */
export function VideoGone({ error, onRetry }: { error: Error; onRetry: () => unknown }) {
  const { t } = useI18n();
  const { status } = asProblem(error);
  const gone = status >= 400 && status < 500 && status !== 429;
  return (
    <Notice title={gone ? t.videoGoneTitle : t.feedFailed} body={gone ? t.videoGoneBody : explain(t, error)}>
      {!gone && <RetryButton error={error} onRetry={onRetry} primary />}
      <Link href="/" className="button">
        {t.toFeed}
      </Link>
    </Notice>
  );
}
