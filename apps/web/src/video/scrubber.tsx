import { useEffect, useRef, useState } from "react";
import { clock } from "../i18n/format.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { isForVideos } from "./for-videos.ts";
import { type Still, stillAt } from "./storyboard.ts";
import { useStoryboard } from "./use-storyboard.ts";
import "./scrubber.css";

const STEPS = 1000;
/** As wide as the thumb in scrubber.css: its middle is where one presses. */
const THUMB_PX = 14;
const SEEK_S = 5;

/** Positions this close show the same picture. */
const LEAST_SEEK_S = 0.04;

/** The position of the bar, in seconds of the film. */
const placeOf = (bar: HTMLInputElement | null, { duration }: HTMLVideoElement): number =>
  (Number(bar?.value ?? 0) / STEPS) * (duration || 0);

/** The share of the film at a place of the bar: where a press would lead. */
function shareAt(bar: HTMLElement, clientX: number): number {
  const { left, width } = bar.getBoundingClientRect();
  return Math.min(Math.max(0, (clientX - left - THUMB_PX / 2) / (width - THUMB_PX)), 1);
}

/** Seconds after moving by `stepS`, kept inside the clip; short clips move in smaller steps. */
function seek(element: HTMLVideoElement, direction: number) {
  const duration = element.duration || 0;
  const step = Math.min(SEEK_S, duration / 4);
  element.currentTime = Math.min(Math.max(0, element.currentTime + direction * step), duration);
}

interface Props {
  element: HTMLVideoElement | null;
  active: boolean;
  storyboardUrl: string | null;
}

/** The progress bar. Updated in animation frames, without rendering React for each. */
export default function Scrubber({ element, active, storyboardUrl }: Props) {
  const { t } = useI18n();
  const input = useRef<HTMLInputElement>(null);
  const time = useRef<HTMLSpanElement>(null);
  const dragging = useRef(false);
  const [held, setHeld] = useState(false);
  /** Where a mouse points, as a share of the film; null: not at the bar. */
  const pointed = useRef<number>(null);
  const [pointing, setPointing] = useState(false);
  const glance = useRef<HTMLSpanElement>(null);
  const pointedTime = useRef<HTMLSpanElement>(null);
  const playsOn = useRef(false);
  const still = useRef<HTMLSpanElement>(null);
  const stills = useStoryboard(storyboardUrl, held || pointing);

  useEffect(() => {
    const bar = input.current;
    if (!element || !active || !bar) return;
    let frame = 0;
    let spoken = -1;
    const paint = () => {
      frame = requestAnimationFrame(paint);
      const { currentTime, duration } = element;
      if (!duration) return;
      const share = dragging.current ? Number(bar.value) / STEPS : currentTime / duration;
      if (!dragging.current) bar.value = String(Math.round(share * STEPS));
      bar.style.setProperty("--share", `${share * 100}%`);
      const looked = dragging.current ? share : pointed.current;
      if (looked !== null) showStill(still.current, stillAt(stills, looked * duration));
      if (pointed.current !== null && pointedTime.current)
        pointedTime.current.textContent = clock(Math.floor(pointed.current * duration));
      const second = Math.floor(share * duration);
      if (second === spoken) return;
      spoken = second;
      bar.setAttribute("aria-valuetext", t.positionOf(clock(second), clock(duration)));
      if (time.current) time.current.textContent = `${clock(second)} / ${clock(duration)}`;
    };
    paint();
    return () => cancelAnimationFrame(frame);
  }, [element, active, t, stills]);

  useEffect(() => {
    if (!element || !active) return;
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      if (!isForVideos(event)) return;
      event.preventDefault();
      seek(element, event.key === "ArrowRight" ? 1 : -1);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [element, active]);

  // One seek at a time: more seeks than the film can follow show nothing.
  useEffect(() => {
    if (!element || !held) return;
    const show = () => {
      const wanted = placeOf(input.current, element);
      if (Math.abs(element.currentTime - wanted) > LEAST_SEEK_S) element.currentTime = wanted;
    };
    element.addEventListener("seeked", show);
    return () => element.removeEventListener("seeked", show);
  }, [element, held]);

  const commit = () => {
    if (element && !(held && element.seeking)) element.currentTime = placeOf(input.current, element);
  };
  const take = () => {
    dragging.current = true;
    setHeld(true);
    playsOn.current = element !== null && !element.paused;
    element?.pause();
  };
  const letGo = () => {
    if (!dragging.current) return;
    dragging.current = false;
    setHeld(false);
    if (!element) return;
    element.currentTime = placeOf(input.current, element);
    // The player handles a film that refuses to play.
    if (playsOn.current && active) element.play().catch(() => {});
  };
  const point = (share: number | null, atPx = 0) => {
    pointed.current = share;
    setPointing(share !== null);
    glance.current?.style.setProperty("--at", `${atPx}px`);
  };
  return (
    <div className="scrubber" data-held={held} data-pointing={pointing && active}>
      <span className="scrubber-glance" ref={glance} aria-hidden="true">
        {stills.length > 0 && <span className="scrubber-still" ref={still} />}
        <span className="scrubber-pointed" ref={pointedTime} />
      </span>
      <span className="scrubber-time" ref={time} aria-hidden="true" />
      <input
        ref={input}
        type="range"
        min={0}
        max={STEPS}
        defaultValue={0}
        aria-label={t.position}
        tabIndex={active ? 0 : -1}
        onPointerDown={({ currentTarget, pointerId }) => {
          currentTarget.setPointerCapture(pointerId);
          take();
        }}
        // A finger that only points does not exist.
        onPointerMove={({ currentTarget, pointerType, clientX }) => {
          if (pointerType === "touch") return;
          point(shareAt(currentTarget, clientX), clientX - currentTarget.getBoundingClientRect().left);
        }}
        onPointerLeave={() => point(null)}
        onPointerUp={letGo}
        onPointerCancel={letGo}
        onLostPointerCapture={letGo}
        onInput={commit}
      />
    </div>
  );
}

function showStill(box: HTMLElement | null, still: Still | undefined) {
  if (!box || !still) return;
  box.style.width = `${still.width}px`;
  box.parentElement?.style.setProperty("--glance", box.style.width);
  box.style.height = `${still.height}px`;
  box.style.background = `url("${still.url}") -${still.x}px -${still.y}px`;
}
