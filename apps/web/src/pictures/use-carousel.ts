import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";
import { isForVideos, isInDrawer } from "../video/for-videos.ts";

/** So long without a step, a scroll is over. */
const QUIET_MS = 150;

/** In the address of a post: the number of the picture that it opens at. */
export const PICTURE = "picture";

interface Carousel {
  scroller: RefObject<HTMLDivElement | null>;
  /** The picture in view. */
  at: number;
  /** The last one that was in view. */
  seen: number;
  move: (by: number) => void;
}

/**
 * Which of some pictures, as wide as the box that scrolls them, is in view. The browser itself swipes and snaps. It
 * opens at the picture `first`, from 0.
 */
export function useCarousel(count: number, active: boolean, first: number): Carousel {
  const scroller = useRef<HTMLDivElement>(null);
  const [begin] = useState(() => Math.min(Math.max(0, first), count - 1));
  const [at, setAt] = useState(begin);
  const [seen, setSeen] = useState(begin);
  /** Where a key or a button sent it: two quick presses are two pictures. */
  const target = useRef<number | null>(null);

  useLayoutEffect(() => {
    const box = scroller.current;
    if (!box || begin === 0) return;
    const sign = getComputedStyle(box).direction === "rtl" ? -1 : 1;
    box.scrollTo({ left: sign * begin * box.clientWidth, behavior: "instant" });
  }, [begin]);

  useEffect(() => {
    const box = scroller.current;
    if (!box) return;
    const look = () => {
      // In Arabic and Hebrew pages it would be negative.
      const place = Math.abs(box.scrollLeft) / box.clientWidth || 0;
      const now = Math.round(place);
      if (target.current !== null && Math.abs(place - target.current) > 0.01) return;
      target.current = null;
      setAt(now);
      setSeen((last) => Math.max(last, now));
    };
    const ended = new AbortController();
    const on = (type: string, run: () => void) =>
      box.addEventListener(type, run, { signal: ended.signal, passive: true });
    on("scroll", look);
    const settle = () => {
      target.current = null;
      look();
    };
    // Safari before 26.2 says nothing of the end.
    let quiet: ReturnType<typeof setTimeout> | undefined;
    if ("onscrollend" in box) on("scrollend", settle);
    else
      on("scroll", () => {
        clearTimeout(quiet);
        quiet = setTimeout(settle, QUIET_MS);
      });
    on("touchstart", () => {
      target.current = null;
    });
    return () => {
      clearTimeout(quiet);
      ended.abort();
    };
  }, []);

  const move = useCallback(
    (by: number) => {
      const box = scroller.current;
      if (!box) return;
      const from = target.current ?? Math.round(Math.abs(box.scrollLeft) / box.clientWidth);
      const next = Math.min(Math.max(0, from + by), count - 1);
      if (next === from) return;
      target.current = next;
      setAt(next);
      setSeen((last) => Math.max(last, next));
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      box.scrollTo({ left: next * box.clientWidth, behavior: still ? "instant" : "smooth" });
    },
    [count],
  );

  useEffect(() => {
    if (!active || count < 2) return;
    const onKey = (event: KeyboardEvent) => {
      if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
      if (!isForVideos(event) || isInDrawer(event.target)) return;
      event.preventDefault();
      move(event.key === "ArrowRight" ? 1 : -1);
    };
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [active, count, move]);

  // A box that changes its width keeps the picture.
  const kept = useRef(at);
  kept.current = at;
  useEffect(() => {
    const box = scroller.current;
    if (!box) return;
    let widthPx = box.clientWidth;
    const watch = new ResizeObserver(() => {
      if (box.clientWidth === widthPx) return;
      widthPx = box.clientWidth;
      box.scrollTo({ left: kept.current * widthPx, behavior: "instant" });
    });
    watch.observe(box);
    return () => watch.disconnect();
  }, []);

  // Some may be gone since the last step.
  return { scroller, at: Math.min(at, count - 1), seen, move };
}
