import { useEffect, useRef } from "react";
import { clock } from "../i18n/format.ts";
import { useI18n } from "../i18n/i18n.tsx";
import { isForVideos } from "./for-videos.ts";
import "./scrubber.css";

const STEPS = 1000;
const SEEK_S = 5;

/** Seconds after moving by `stepS`, kept inside the clip; short clips move in smaller steps. */
function seek(element: HTMLVideoElement, direction: number) {
  const duration = element.duration || 0;
  const step = Math.min(SEEK_S, duration / 4);
  element.currentTime = Math.min(Math.max(0, element.currentTime + direction * step), duration);
}

/** The progress bar. Painted from animation frames, without rendering React for each. */
export function Scrubber({ element, active }: { element: HTMLVideoElement | null; active: boolean }) {
  const { t } = useI18n();
  const input = useRef<HTMLInputElement>(null);
  const time = useRef<HTMLSpanElement>(null);
  const dragging = useRef(false);

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
      const second = Math.floor(share * duration);
      if (second === spoken) return;
      spoken = second;
      bar.setAttribute("aria-valuetext", t.positionOf(clock(second), clock(duration)));
      if (time.current) time.current.textContent = `${clock(second)} / ${clock(duration)}`;
    };
    paint();
    return () => cancelAnimationFrame(frame);
  }, [element, active, t]);

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

  const commit = () => {
    if (element && input.current)
      element.currentTime = (Number(input.current.value) / STEPS) * element.duration;
  };
  return (
    <div className="scrubber">
      <span className="scrubber-time" ref={time} aria-hidden="true" />
      <input
        ref={input}
        type="range"
        min={0}
        max={STEPS}
        defaultValue={0}
        aria-label={t.position}
        tabIndex={active ? 0 : -1}
        onPointerDown={() => {
          dragging.current = true;
        }}
        onPointerUp={() => {
          commit();
          dragging.current = false;
        }}
        onPointerCancel={() => {
          dragging.current = false;
        }}
        onInput={commit}
      />
    </div>
  );
}
