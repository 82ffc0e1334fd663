import { useInfiniteQuery, useQueryClient } from "@tanstack/react-query";
import { type ReactNode, useCallback, useEffect, useMemo } from "react";
import { Link } from "wouter";
import { feedQuery } from "../api/queries.ts";
import { useServices } from "../api/services.tsx";
import type { Video } from "../api/types.ts";
import { useAgain } from "../api/use-again.ts";
import { explain } from "../i18n/explain.ts";
import { useI18n } from "../i18n/i18n.tsx";
import type { FeedTab } from "../settings/preferences.ts";
import { Notice } from "../ui/notice.tsx";
import { RetryButton } from "../ui/retry-button.tsx";
import { FeedSkeleton } from "./feed-skeleton.tsx";
import { FeedView } from "./feed-view.tsx";
import { wanted } from "./playable.ts";

const fromFeed = () => "feed" as const;
const fromFollowing = () => "following" as const;

/** One feed from its start to its end, as far as it is loaded. */
export function FeedList({ kind, empty }: { kind: FeedTab; empty: ReactNode }) {
  const { t } = useI18n();
  const { api } = useServices();
  const cache = useQueryClient();
  const list = useInfiniteQuery(feedQuery(api, kind));
  const { data, error, isPending, isFetching, hasNextPage, fetchNextPage, refetch } = list;
  const videos = useMemo(() => wanted(data?.pages.flatMap((page) => page.items) ?? []), [data]);
  // The viewer's position, so that returning from a profile shows the same video.
  const position = useMemo(() => ["feed-position", kind], [kind]);
  const remember = useCallback((video: Video) => cache.setQueryData(position, video.id), [cache, position]);
  const more = useCallback(() => {
    if (hasNextPage && !isFetching && !error) void fetchNextPage();
  }, [hasNextPage, isFetching, error, fetchNextPage]);
  useAgain(list);
  const restart = () => {
    cache.removeQueries({ queryKey: position });
    void cache.resetQueries({ queryKey: ["feed", kind] });
  };

  // A page may be empty: a block may hide all its videos.
  const none = videos.length === 0;
  useEffect(() => {
    if (none) more();
  }, [none, more]);

  if (isPending || (none && hasNextPage && !error)) return <FeedSkeleton />;
  if (none) return error ? <Failed error={error} onRetry={refetch} /> : empty;
  const end = (
    <Notice title={t.endTitle} body={kind === "following" ? t.endFollowingBody : t.endBody}>
      <button type="button" className="button button-primary" onClick={restart}>
        {t.toTop}
      </button>
      <Link href="/upload" className="button">
        {t.upload}
      </Link>
    </Notice>
  );
  const failed = error && <Failed error={error} onRetry={fetchNextPage} />;
  return (
    <FeedView
      videos={videos}
      from={kind === "public" ? fromFeed : fromFollowing}
      startId={cache.getQueryData<string>(position)}
      onActive={remember}
      onNearEnd={more}
      hasMore={hasNextPage}
      tail={failed || (hasNextPage ? <FeedSkeleton /> : end)}
    />
  );
}

function Failed({ error, onRetry }: { error: Error; onRetry: () => unknown }) {
  const { t } = useI18n();
  return (
    <div role="alert">
      <Notice title={t.feedFailed} body={explain(t, error)}>
        <RetryButton error={error} onRetry={onRetry} primary />
      </Notice>
    </div>
  );
}
