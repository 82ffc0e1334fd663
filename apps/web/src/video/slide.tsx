import { type CSSProperties, lazy, memo, Suspense, useId, useRef, useState } from "react";
import { fitOf, ratioOf } from "#platform/media/fit.ts";
import type { Source, Video } from "../api/types.ts";
import type { Preload } from "../feed/nearness.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { PictureStage } from "../pictures/picture-stage.tsx";
import type { Place } from "../playback/go-on.ts";
import { GoesOn } from "../playback/goes-on.tsx";
import { useFilmWatching } from "../playback/use-watching.ts";
import { useReaction } from "../social/use-reaction.ts";
import { SoundOffIcon } from "../ui/icons.tsx";
import { Spinner } from "../ui/notice.tsx";
import { useMedia } from "../ui/use-media.ts";
import { Caption } from "./caption.tsx";
import { FullscreenButton } from "./fullscreen-button.tsx";
import { Rail } from "./rail.tsx";
import { useSound } from "./sound.tsx";
import { TapArea } from "./tap-area.tsx";
import { useFilmSource } from "./use-film-source.ts";
import { useFreshAddress } from "./use-fresh-address.ts";
import { usePlayer } from "./use-player.ts";
import { useVideoKeys } from "./use-video-keys.ts";
import "./slide.css";
import "./stage.css";
import { placeholder } from "./placeholder.ts";

const Scrubber = lazy(() => import("./scrubber.tsx"));

interface Props {
  video: Video;
  from: Source;
  /** Where it goes on; null: at its beginning. */
  goesOnAt: Place | null;
  /** Counted from 1, for screen readers. */
  position: number;
  total: number;
  shown: boolean;
  active: boolean;
  paused: boolean;
  /** Whether its cover is loaded: later ones wait until the first film plays. */
  covered: boolean;
  preload: Preload | null;
  onToggle: () => void;
  onWarm: () => void;
  onHeld: () => void;
}

/** One video of the feed, as tall as the screen. */
export const Slide = memo(function Slide({ video, position, total, shown, active, ...rest }: Props) {
  const titleId = useId();
  const [picture, setPicture] = useState(0);
  return (
    <article
      className="slide"
      aria-posinset={position}
      aria-setsize={total}
      aria-labelledby={shown ? titleId : undefined}
      aria-label={shown ? undefined : video.title}
      data-active={active}
      style={{ "--ratio": ratioOf(video).toFixed(4) } as CSSProperties}
      tabIndex={-1}
    >
      {shown && (
        <>
          {video.kind === "pictures" ? (
            <PictureStage video={video} active={active} titleId={titleId} onPicture={setPicture} {...rest} />
          ) : (
            <Stage video={video} active={active} titleId={titleId} {...rest} />
          )}
          <Rail video={video} active={active} picture={picture} />
        </>
      )}
    </article>
  );
});

type StageProps = Omit<Props, "position" | "total" | "shown"> & { titleId: string };

function Stage(props: StageProps) {
  const { video, from, goesOnAt, active, paused, covered, preload, titleId, onToggle, onWarm, onHeld } =
    props;
  const { t } = useI18n();
  const { offered, toggle: toggleSound } = useSound();
  const touch = useMedia("(pointer: coarse)");
  const holder = useRef<HTMLDivElement>(null);
  const { source, speed } = useFilmSource(video, active);
  const player = usePlayer({
    ...{ source, speed, startS: (goesOnAt?.positionMs ?? 0) / 1000 },
    ...{ preload, active, paused, holder, onWarm, onHeld },
  });
  useFilmWatching(video, player.element, active, from);
  useFreshAddress(video, active && player.status === "failed");
  const react = useReaction(video);
  useVideoKeys(video, active);
  const fit = fitOf(video);
  const busy = active && !paused && (player.status === "loading" || player.status === "stalled");
  return (
    <div className="stage" data-fit={fit}>
      {covered && video.coverUrl && (
        <>
          {fit === "contain" && <img className="stage-blur" src={video.coverUrl} alt="" />}
          <img
            className="stage-cover"
            src={video.coverUrl}
            alt=""
            style={placeholder(video, fit)}
            fetchPriority={active ? "high" : "low"}
            draggable={false}
          />
        </>
      )}
      <div className="stage-holder" ref={holder} />
      <TapArea active={active} paused={paused} onToggle={onToggle} onLike={() => react("like")} />
      {busy && player.status !== "failed" && (
        <div className="stage-busy">
          <Spinner label={t.loading} />
        </div>
      )}
      {active && player.status === "failed" && (
        <div className="stage-failed" role="alert">
          <p>{t.playFailed}</p>
          <button type="button" className="button" onClick={player.retry}>
            {t.retry}
          </button>
        </div>
      )}
      {active && offered && (
        <button type="button" className="stage-sound" onClick={toggleSound}>
          <SoundOffIcon size={20} />
          {touch ? t.tapForSound : t.clickForSound}
        </button>
      )}
      {active && goesOnAt && (
        <GoesOn atMs={goesOnAt.positionMs} element={player.element} playing={player.status === "playing"} />
      )}
      <FullscreenButton offered={active && (!touch || fit === "contain")} video={player.element} />
      <div className="stage-shade" />
      <Caption video={video} titleId={titleId} />
      <Suspense fallback={null}>
        <Scrubber element={player.element} active={active} storyboardUrl={video.storyboardUrl} />
      </Suspense>
    </div>
  );
}
