import { type ReactNode, useCallback, useEffect, useRef, useState } from "react";
import { ratioOf } from "#platform/media/fit.ts";
import { useServices } from "../api/services.tsx";
import type { Source, Video } from "../api/types.ts";
import { LazyCommentsDrawer, loadDrawer } from "../comments/lazy-comments-drawer.tsx";
import { useCommentsOpen } from "../comments/use-comments-open.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { placeToGoOn } from "../playback/go-on.ts";
import { useLiveVideo } from "../realtime/use-live.ts";
import { usePreferences } from "../settings/use-preferences.ts";
import { loadPages } from "../shell/pages.ts";
import { DownIcon, UpIcon } from "../ui/icons.tsx";
import { Slide } from "../video/slide.tsx";
import { useSound } from "../video/sound.tsx";
import { useSavesData } from "../video/use-film-source.ts";
import { isNearEnd, isShown, preloadOf } from "./nearness.ts";
import { useActiveSlide } from "./use-active-slide.ts";
import { useFeedControls } from "./use-feed-controls.ts";
import { useFilmsAhead } from "./use-films-ahead.ts";
import { useMediaKeys } from "./use-media-keys.ts";
import { useReturned } from "./use-returned.ts";
import "./feed.css";

interface Props {
  videos: readonly Video[];
  /** Where the viewer came to each from. */
  from: (video: Video) => Source;
  /** The first one was opened, and did not come by itself. */
  opened?: boolean;
  startId?: string | undefined;
  onActive?: (video: Video) => void;
  /** Loads more; called repeatedly while the end is near. */
  onNearEnd?: () => void;
  /** There are more than are loaded: their number is unknown. */
  hasMore?: boolean;
  /** After the last video: an end card, a failure, a skeleton. */
  tail?: ReactNode;
}

/** Videos in a vertical list, one in view at a time. */
export function FeedView(props: Props) {
  const { videos, from, opened = false, startId, onActive, onNearEnd, hasMore = false, tail } = props;
  const { t } = useI18n();
  const { reporter } = useServices();
  const { blocked, toggle: toggleSound } = useSound();
  const { letterKeys } = usePreferences();
  const savesData = useSavesData();
  const scroller = useRef<HTMLDivElement>(null);
  const [start] = useState(() =>
    Math.max(
      0,
      videos.findIndex((video) => video.id === startId),
    ),
  );
  const [goesOn, setGoesOn] = useState(() => {
    const first = videos[start];
    if (!first) return null;
    const left = reporter.leftAt(first.id);
    const stopped = left === undefined ? first.resume : left;
    return { id: first.id, at: placeToGoOn(first, stopped, opened ? "opened" : "feed") };
  });
  const count = videos.length + (tail ? 1 : 0);
  const { active, goTo, move } = useActiveSlide(scroller, start);
  const [pausedId, setPausedId] = useState<string | null>(null);
  const [warmId, setWarmId] = useState<string | null>(null);
  const current = videos[active];
  const { open: commentsOpen, hide: hideComments } = useCommentsOpen();
  const currentId = current?.id ?? null;
  useLiveVideo(current?.id, commentsOpen);

  const toggle = useCallback(() => {
    if (!blocked) setPausedId((id) => (id === currentId ? null : currentId));
  }, [blocked, currentId]);
  const onWarm = useCallback(() => setWarmId(currentId), [currentId]);
  const pause = useCallback((paused: boolean) => setPausedId(paused ? currentId : null), [currentId]);
  const onHeld = useCallback(() => pause(true), [pause]);
  const ahead = useFilmsAhead(current, warmId === currentId);
  useReturned(videos, currentId, goTo);
  useFeedControls(scroller, { move, toggle, toggleSound, letterKeys });
  useMediaKeys(pause);

  // Who comes back to it sees it from its start.
  useEffect(() => setGoesOn((first) => (first?.id === currentId ? first : null)), [currentId]);
  // A pause ends with its film, whatever changes about that meanwhile.
  useEffect(() => setPausedId((id) => (id === currentId ? id : null)), [currentId]);
  useEffect(() => {
    if (current) onActive?.(current);
  }, [current, onActive]);
  useEffect(() => {
    const slide = scroller.current?.children[active];
    const focused = document.activeElement;
    if (slide instanceof HTMLElement && focused?.closest(".slide") && !slide.contains(focused))
      slide.focus({ preventScroll: true });
  }, [active]);
  // Preloads the code of the comments and the other pages once the first video plays.
  const warm = warmId !== null;
  useEffect(() => {
    if (!warm) return;
    void loadDrawer().catch(() => {});
    if (!savesData) void loadPages();
  }, [warm, savesData]);
  const isWarm = warmId !== null && warmId === currentId;
  useEffect(() => {
    if (isWarm) reporter.comeNear(videos.slice(active + 1).map(({ id }) => id));
  }, [isWarm, reporter, videos, active]);
  useEffect(() => {
    if (isNearEnd(active, videos.length)) onNearEnd?.();
  }, [active, videos.length, onNearEnd]);

  return (
    <div
      className="feed"
      data-comments={commentsOpen}
      data-wide={current !== undefined && ratioOf(current) > 0.7}
    >
      <div className="feed-scroller" role="feed" aria-label={t.feed} ref={scroller}>
        {videos.map((video, index) => (
          <Slide
            key={video.id}
            video={video}
            from={from(video)}
            goesOnAt={goesOn?.id === video.id ? goesOn.at : null}
            position={index + 1}
            total={hasMore ? -1 : videos.length}
            shown={isShown(index - active)}
            active={index === active}
            paused={index === active && pausedId === video.id}
            covered={index <= active || warm}
            preload={preloadOf(index - active, warmId === currentId, savesData ? 0 : ahead)}
            onToggle={toggle}
            onWarm={onWarm}
            onHeld={onHeld}
          />
        ))}
        {tail && (
          // An article, since a feed may contain nothing else. A new element for each page of videos: the browser
          // keeps the slide in view, and would carry a viewer who waits here past all of them to the new end.
          <article
            key={`tail ${videos.length}`}
            className="slide slide-tail"
            aria-label={t.feedTail}
            tabIndex={-1}
          >
            {tail}
          </article>
        )}
      </div>
      {count > 1 && (
        <div className="feed-arrows">
          <button type="button" aria-label={t.previous} disabled={active === 0} onClick={() => move(-1)}>
            <UpIcon />
          </button>
          <button type="button" aria-label={t.next} disabled={active >= count - 1} onClick={() => move(1)}>
            <DownIcon />
          </button>
        </div>
      )}
      {commentsOpen && current && <LazyCommentsDrawer video={current} onClose={hideComments} />}
    </div>
  );
}
