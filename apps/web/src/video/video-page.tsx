import { type InfiniteData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState } from "react";
import { useSearch } from "wouter";
import { bookmarksQuery, feedQuery, userLikesQuery, userVideosQuery, videoQuery } from "../api/queries.ts";
import { useServices, useUser } from "../api/services.tsx";
import type { VideoPage as ListPage, Source, Video } from "../api/types.ts";
import { useAgain } from "../api/use-again.ts";
import { FeedSkeleton } from "../feed/feed-skeleton.tsx";
import { FeedView } from "../feed/feed-view.tsx";
import { isPlayable, playable, wanted } from "../feed/playable.ts";
import { historyQuery, videosOf } from "../history/history-query.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { rankedVideosQuery } from "../rankings/ranking-query.ts";
import { BackButton } from "../shell/back-button.tsx";
import { ToFeed } from "../shell/to-feed.tsx";
import { usePageTitle } from "../shell/use-page-title.ts";
import { Notice } from "../ui/notice.tsx";
import { comesFrom } from "./comes-from.ts";
import { continueFrom, continueList } from "./continue-from.ts";
import { IN_HISTORY, IN_RANKING, KEPT, LIKED_BY } from "./liked-by.ts";
import { VideoGone } from "./video-gone.tsx";

/** How far back to search for an author's videos before a very old one. */
const MAX_PAGES = 8;

/** One video by its link, in the same player as the feed. */
export function VideoPage({ id }: { id: string }) {
  const { t } = useI18n();
  const { api } = useServices();
  const { data, error, refetch } = useQuery(videoQuery(api, id));
  usePageTitle(data ? data.title || t.videoBy(data.author.name) : error && t.videoGoneTitle);
  return (
    <>
      <h1 className="unseen">{data ? data.title || t.videoBy(data.author.name) : t.feed}</h1>
      <BackButton overlay />
      {data && isPlayable(data) ? (
        <Continued video={data} />
      ) : data ? (
        <Notice title={t.notReady}>
          <button type="button" className="button button-primary" onClick={() => void refetch()}>
            {t.retry}
          </button>
        </Notice>
      ) : error ? (
        <VideoGone error={error} onRetry={refetch} />
      ) : (
        <FeedSkeleton />
      )}
    </>
  );
}

/**
 * Swiping continues with the author's earlier videos, or in the list where it was opened: somebody's likes, or what the
 * viewer keeps; then with everybody's videos.
 */
function Continued({ video }: { video: Video }) {
  const { api } = useServices();
  const disliked = video.reaction === "dislike";
  // Shown until dismissed: a video opened by its link is shown whatever the viewer thought of it before.
  const [shownAnyway, setShownAnyway] = useState(disliked);
  useEffect(() => {
    if (!disliked) setShownAnyway(false);
  }, [disliked]);
  const opened = shownAnyway || !disliked;
  const search = new URLSearchParams(useSearch());
  const likedBy = search.get(LIKED_BY);
  // A link that gets around may be opened by a guest, who keeps nothing.
  const isKept = useUser() !== null && search.has(KEPT);
  const inHistory = useUser() !== null && search.has(IN_HISTORY);
  const ranking = search.get(IN_RANKING);
  const inList = likedBy !== null || isKept || inHistory || ranking !== null;
  const own = useInfiniteQuery({ ...userVideosQuery(api, video.author.id), enabled: !inList });
  const liked = useInfiniteQuery({ ...userLikesQuery(api, likedBy ?? ""), enabled: likedBy !== null });
  const kept = useInfiniteQuery({ ...bookmarksQuery(api), enabled: isKept && likedBy === null });
  // It stays as it was found, though watching changes it.
  const watched = useInfiniteQuery({
    ...{ ...historyQuery(api), enabled: inHistory, select: videosOf },
    staleTime: Number.POSITIVE_INFINITY,
  });
  const ranked = useInfiniteQuery({ ...rankedVideosQuery(api, ranking ?? ""), enabled: ranking !== null });
  const list =
    likedBy !== null ? liked : isKept ? kept : inHistory ? watched : ranking !== null ? ranked : own;
  const { data: listData } = list;
  const listEnds = listData !== undefined && (!list.hasNextPage || listData.pages.length >= MAX_PAGES);
  const feed = useInfiniteQuery({ ...feedQuery(api, "public"), enabled: listEnds });
  const next = listEnds ? feed : list;
  const { data: feedData } = feed;
  const videos = useMemo(() => {
    const listed = listData?.pages.flatMap((page) => page.items) ?? [];
    const first = inList ? continueList(video, listed) : continueFrom(video, listed);
    const others = listEnds ? (feedData?.pages.flatMap((page) => page.items) ?? []) : [];
    const shown = opened ? playable([video]) : [];
    return playable([...shown, ...wanted([...first, ...others])]);
  }, [video, opened, inList, listData, listEnds, feedData]);
  const from = useSource(
    video.id,
    inHistory ? "history" : ranking !== null ? "ranking" : inList ? "profile" : undefined,
    listData,
  );
  const { hasNextPage, isFetching, error, fetchNextPage } = next;
  const more = useCallback(() => {
    if (hasNextPage && !isFetching && !error) void fetchNextPage();
  }, [hasNextPage, isFetching, error, fetchNextPage]);
  useAgain(next);
  const hasMore = !listEnds || hasNextPage || next.isPending;
  const none = videos.length === 0;
  useEffect(() => {
    if (none) more();
  }, [none, more]);
  if (none) return hasMore && !error ? <FeedSkeleton /> : <Nothing />;
  // A viewer who moves on before the next videos are loaded waits in their place.
  const tail = hasMore ? <FeedSkeleton /> : <Nothing />;
  return <FeedView videos={videos} from={from} opened onNearEnd={more} hasMore={hasMore} tail={tail} />;
}

/** Where the viewer came from to the video that was opened, to others of its list, and to those after that. */
function useSource(id: string, found: Source | undefined, list: InfiniteData<ListPage> | undefined) {
  const [openedFrom] = useState(() => found ?? comesFrom());
  const listed = useMemo(
    () => new Set(list?.pages.flatMap(({ items }) => items.map((video) => video.id))),
    [list],
  );
  return useCallback(
    (video: Video): Source =>
      video.id === id ? openedFrom : listed.has(video.id) ? (found ?? "profile") : "feed",
    [id, openedFrom, found, listed],
  );
}

/** After the last video, or if there was none for the viewer. */
function Nothing() {
  const { t } = useI18n();
  return (
    <Notice title={t.endTitle} body={t.endBody}>
      <ToFeed />
    </Notice>
  );
}
