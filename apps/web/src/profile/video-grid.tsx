import type { InfiniteData, UseInfiniteQueryResult } from "@tanstack/react-query";
import type { ReactNode } from "react";
import type { Video, VideoPage } from "../api/types.ts";
import { againOf, useAgain } from "../api/use-again.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { Failure } from "../ui/failure.tsx";
import { Spinner } from "../ui/notice.tsx";
import { useNearEnd } from "../ui/use-near-end.ts";
import "./grid.css";

interface Props {
  label: string;
  query: UseInfiniteQueryResult<InfiniteData<VideoPage>>;
  tile: (video: Video) => ReactNode;
  empty: ReactNode;
}

/** Covers in columns; the next page loads when its position comes near. */
export function VideoGrid({ label, query, tile, empty }: Props) {
  const { t } = useI18n();
  const { data, error, hasNextPage, isFetching, fetchNextPage } = query;
  const end = useNearEnd<HTMLDivElement>(hasNextPage && !isFetching && !error, fetchNextPage);
  useAgain(query);
  const videos = data?.pages.flatMap((page) => page.items) ?? [];
  if (data && !hasNextPage && videos.length === 0) return empty;
  return (
    <section aria-label={label}>
      <ul className="grid">
        {videos.map((video) => (
          <li key={video.id}>{tile(video)}</li>
        ))}
      </ul>
      <div className="grid-end" ref={end}>
        {isFetching && <Spinner label={t.loading} />}
        {error && <Failure error={error} onRetry={againOf(query)} />}
      </div>
    </section>
  );
}
