import { type MouseEvent, useCallback, useEffect, useRef, useState } from "react";
import { useLocation, useSearch } from "wouter";
import type { Source, Video } from "../api/types.ts";
import { removeFirstScreen } from "../feed/first-screen.ts";
import { useI18n } from "../i18n/i18n.tsx";
import type { Place } from "../playback/go-on.ts";
import { usePictureWatching } from "../playback/use-watching.ts";
import { useReaction } from "../social/use-reaction.ts";
import { BackIcon, NextIcon } from "../ui/icons.tsx";
import { Caption } from "../video/caption.tsx";
import { useHearts } from "../video/hearts.tsx";
import { nextTap, type Tap } from "../video/tap.ts";
import { useSavesData } from "../video/use-film-source.ts";
import { useVideoKeys } from "../video/use-video-keys.ts";
import { Picture } from "./picture.tsx";
import { PICTURE, useCarousel } from "./use-carousel.ts";
import "./picture-stage.css";

interface Props {
  video: Video;
  from: Source;
  /** At which picture it goes on; null: at the first. */
  goesOnAt: Place | null;
  active: boolean;
  /** Whether its first picture is loaded: later posts wait until what is in view is there. */
  covered: boolean;
  titleId: string;
  onWarm: () => void;
  /** Which picture is in view, by its number. */
  onPicture: (number: number) => void;
}

/** A tap on this share of the width, at either side, turns the page. */
const EDGE = 0.25;

/** From 0; what the address says counts in the page of that post only. One that was removed opens it at the first. */
function useOpenedAt({ id, pictures }: Video, goesOnAt: Place | null): number {
  const [path] = useLocation();
  const said = new URLSearchParams(useSearch()).get(PICTURE);
  const wanted = path === `/video/${id}` && said !== null ? Number(said) : goesOnAt?.picture;
  return pictures.findIndex(({ number }) => number === wanted);
}

/** The pictures of a post, side by side: swiped, turned by keys, buttons and taps at the sides; two taps like. */
export function PictureStage({ video, from, goesOnAt, active, covered, titleId, onWarm, onPicture }: Props) {
  const { t, format } = useI18n();
  const { pictures } = video;
  const count = pictures.length;
  const { scroller, at, seen, move } = useCarousel(count, active, useOpenedAt(video, goesOnAt));
  const [isThere, setThere] = useState(false);
  usePictureWatching(video, active, from, at, isThere);
  const onThere = useCallback(() => {
    setThere(true);
    if (active) onWarm();
  }, [active, onWarm]);
  const react = useReaction(video);
  useVideoKeys(video, active);
  const [hearts, addHeart] = useHearts();
  const ahead = useSavesData() ? 0 : 1;
  const last = useRef<Tap | null>(null);
  useEffect(() => {
    if (!active) return;
    removeFirstScreen();
    // Loaded before it came into view.
    const first = scroller.current?.querySelector("img");
    if (first?.complete && first.naturalWidth > 0) onThere();
  }, [active, onThere, scroller]);

  function onClick(event: MouseEvent<HTMLElement>) {
    const { currentTarget, timeStamp, clientX, clientY } = event;
    if (!active) return currentTarget.scrollIntoView();
    const box = currentTarget.getBoundingClientRect();
    const share = (clientX - box.left) / box.width;
    const by = share < EDGE ? -1 : share > 1 - EDGE ? 1 : 0;
    const turns = by !== 0 && at + by >= 0 && at + by < count;
    const tap = nextTap(last.current, timeStamp, clientX, clientY);
    last.current = tap;
    if (turns) return move(by);
    if (tap.count === 1) return;
    react("like");
    addHeart(event, tap.count);
  }
  const place = (index: number) => t.pictureOf(format.number(index + 1), format.number(count));
  const current = pictures[at];
  const number = current?.number ?? 0;
  useEffect(() => onPicture(number), [onPicture, number]);
  return (
    <section className="stage" data-fit="contain" aria-roledescription="carousel" aria-label={t.carousel}>
      {covered && current?.sizes[0] && <img className="stage-blur" src={current.sizes[0].url} alt="" />}
      {/* biome-ignore-start lint/a11y/useSemanticElements: the form's element for groups does not scroll. */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: arrow keys turn the pages, and L likes. */}
      <div
        className="pictures"
        ref={scroller}
        tabIndex={active && count > 1 ? 0 : -1}
        role="group"
        aria-label={t.carousel}
        onClick={onClick}
      >
        {pictures.map((picture, index) => (
          <figure
            key={picture.number}
            aria-roledescription="slide"
            aria-label={place(index)}
            aria-hidden={index !== at}
          >
            {(active ? index <= seen + ahead : covered && index < ahead) && (
              <Picture
                video={video}
                picture={picture}
                place={place(index)}
                inView={active && index === at}
                onLoad={onThere}
              />
            )}
          </figure>
        ))}
      </div>
      {/* biome-ignore-end lint/a11y/useSemanticElements: up to here. */}
      {hearts}
      {count > 1 && (
        <>
          <span className="pictures-place" aria-hidden="true">
            {format.number(at + 1)}/{format.number(count)}
          </span>
          <span className="pictures-dots" aria-hidden="true">
            {pictures.map(({ number }, index) => (
              <i key={number} data-at={index === at} />
            ))}
          </span>
          <button
            type="button"
            className="pictures-turn"
            data-to="previous"
            aria-label={t.previousPicture}
            disabled={at === 0}
            tabIndex={active ? 0 : -1}
            onClick={() => move(-1)}
          >
            <BackIcon size={22} />
          </button>
          <button
            type="button"
            className="pictures-turn"
            data-to="next"
            aria-label={t.nextPicture}
            disabled={at === count - 1}
            tabIndex={active ? 0 : -1}
            onClick={() => move(1)}
          >
            <NextIcon size={22} />
          </button>
          {active && (
            <span className="unseen" role="status">
              {t.pictureShows(place(at), current?.alt ?? "")}
            </span>
          )}
        </>
      )}
      <div className="stage-shade" />
      <Caption video={video} titleId={titleId} />
    </section>
  );
}
