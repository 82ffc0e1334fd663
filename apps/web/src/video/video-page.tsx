import { useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useCallback, useMemo } from "react";
import { Link } from "wouter";
import { asProblem } from "../api/problem.ts";
import { userVideosQuery, videoQuery } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import type { Video } from "../api/types.ts";
import { FeedSkeleton } from "../feed/feed-skeleton.tsx";
import { FeedView } from "../feed/feed-view.tsx";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { BackButton } from "../shell/back-button.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { Notice } from "../ui/notice.tsx";
import { continueFrom } from "./continue-from.ts";

/** How far back to look for what an author published before a very old video. */
const MAX_PAGES = 8;

/** One video by its link, in the same player as the feed. */
export function VideoPage({ id }: { id: string }) {
  const { t } = useI18n();
  const { api } = useServices();
  const { data, error, refetch } = useQuery(videoQuery(api, id));
  usePageTitle(data ? data.title || t.videoBy(data.author.name) : null);
  return (
    <>
      <BackButton overlay />
      {data?.playUrl ? (
        <Continued video={data} />
      ) : data ? (
        <Notice title={t.notReady}>
          <button type="button" className="button button-primary" onClick={() => void refetch()}>
            {t.retry}
          </button>
        </Notice>
      ) : error ? (
        <Gone error={error} onRetry={() => void refetch()} />
      ) : (
        <FeedSkeleton />
      )}
    </>
  );
}

/** Swiping on leads to the author's older videos. */
function Continued({ video }: { video: Video }) {
  const { api } = useServices();
  const { data, error, hasNextPage, isFetching, fetchNextPage } = useInfiniteQuery(
    userVideosQuery(api, video.author.id),
  );
  const hasMore = hasNextPage && (data?.pages.length ?? 0) < MAX_PAGES;
  const videos = useMemo(
    () => continueFrom(video, data?.pages.flatMap((page) => page.items) ?? []),
    [video, data],
  );
  const more = useCallback(() => {
    if (hasMore && !isFetching && !error) void fetchNextPage();
  }, [hasMore, isFetching, error, fetchNextPage]);
  return <FeedView videos={videos} onNearEnd={more} hasMore={hasMore} />;
}

function Gone({ error, onRetry }: { error: Error; onRetry: () => void }) {
  const { t } = useI18n();
  const { status } = asProblem(error);
  const gone = status >= 400 && status < 500 && status !== 429;
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
