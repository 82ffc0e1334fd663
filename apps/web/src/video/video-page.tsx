import { useQuery } from "@tanstack/react-query";
import { Link } from "wouter";
import { asProblem } from "../api/problem.ts";
import { videoQuery } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import { FeedSkeleton } from "../feed/feed-skeleton.tsx";
import { FeedView } from "../feed/feed-view.tsx";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { BackButton } from "../shell/back-button.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { Notice } from "../ui/notice.tsx";

/** One video by its link, in the same player as the feed. */
export function VideoPage({ id }: { id: string }) {
  const { t } = useI18n();
  const { api } = useServices();
  const { data, error, refetch } = useQuery(videoQuery(api, id));
  usePageTitle(data ? data.title || t.videoBy(data.author.name) : null);
  return (
    <>
      <BackButton overlay />
      {data ? (
        data.playUrl ? (
          <FeedView videos={[data]} />
        ) : (
          <Notice title={t.notReady}>
            <button type="button" className="button button-primary" onClick={() => void refetch()}>
              {t.retry}
            </button>
          </Notice>
        )
      ) : error ? (
        <Gone error={error} onRetry={() => void refetch()} />
      ) : (
        <FeedSkeleton />
      )}
    </>
  );
}

function Gone({ error, onRetry }: { error: Error; onRetry: () => void }) {
  const { t } = useI18n();
  const { status } = asProblem(error);
  const gone = status === 404 || status === 400;
  return (
    <Notice title={gone ? t.videoGoneTitle : t.feedFailed} body={gone ? t.videoGoneBody : explain(t, error)}>
      {!gone && (
        <button type="button" className="button button-primary" onClick={onRetry}>
          {t.retry}
        </button>
      )}
      <Link href="/" className="button">
        {t.toFeed}
      </Link>
    </Notice>
  );
}
