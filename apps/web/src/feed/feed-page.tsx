import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback, useMemo } from "react";
import { Link } from "wouter";
import { feedQuery } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import type { Video } from "../api/types.ts";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { Notice } from "../ui/notice.tsx";
import { FeedSkeleton } from "./feed-skeleton.tsx";
import { FeedView } from "./feed-view.tsx";

const POSITION = ["feed-position"];

export function FeedPage() {
  const { t } = useI18n();
  const { api } = useServices();
  const cache = useQueryClient();
  const { data, error, isPending, isFetching, hasNextPage, fetchNextPage, refetch } = useInfiniteQuery(
    feedQuery(api),
  );
  usePageTitle(null);
  const videos = useMemo(() => playable(data?.pages.flatMap((page) => page.items) ?? []), [data]);
  // Where the viewer was, so that coming back from a profile is coming back to the same video.
  const remember = useCallback((video: Video) => cache.setQueryData(POSITION, video.id), [cache]);
  const more = useCallback(() => {
    if (hasNextPage && !isFetching && !error) void fetchNextPage();
  }, [hasNextPage, isFetching, error, fetchNextPage]);
  const restart = () => {
    cache.removeQueries({ queryKey: POSITION });
    void cache.resetQueries({ queryKey: ["feed"] });
  };

  if (isPending) return <FeedSkeleton />;
  if (videos.length === 0) {
    return error ? (
      <Failed text={explain(t, error)} onRetry={() => void refetch()} />
    ) : (
      <Notice title={t.emptyTitle} body={t.emptyBody}>
        <Link href="/upload" className="button button-primary">
          {t.emptyAction}
        </Link>
      </Notice>
    );
  }
  const end = (
    <Notice title={t.endTitle} body={t.endBody}>
      <button type="button" className="button button-primary" onClick={restart}>
        {t.toTop}
      </button>
      <Link href="/upload" className="button">
        {t.upload}
      </Link>
    </Notice>
  );
  const failed = error && <Failed text={explain(t, error)} onRetry={() => void fetchNextPage()} />;
  return (
    <FeedView
      videos={videos}
      startId={cache.getQueryData<string>(POSITION)}
      onActive={remember}
      onNearEnd={more}
      hasMore={hasNextPage}
      tail={failed || (hasNextPage ? <FeedSkeleton /> : end)}
    />
  );
}

function Failed({ text, onRetry }: { text: string; onRetry: () => void }) {
  const { t } = useI18n();
  return (
    <div role="alert">
      <Notice title={t.feedFailed} body={text}>
        <button type="button" className="button button-primary" onClick={onRetry}>
          {t.retry}
        </button>
      </Notice>
    </div>
  );
}

/** Each video once (a page may overlap the last after an upload), and only what can be played. */
function playable(videos: readonly Video[]): Video[] {
  return [...new Map(videos.filter((video) => video.playUrl).map((video) => [video.id, video])).values()];
}
