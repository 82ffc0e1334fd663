import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

/** As far as a finger must have pulled a slide into view where the browser does not say where it will snap to. */
const IN_VIEW = 0.5;

/** Chromium says which slide a finger's scroll will end at as soon as it knows: mostly when the finger lets go. */
interface SnapChanging extends Event {
  snapTargetBlock: Element | null;
}

/**
 * Which child of a snapping scroller is active, and moving to another. It is active from the gesture on and not from
 * when it has arrived, so that its film plays while it slides in. `start` is shown first, without an animation;
 * `count` is the number of children (the end card included).
 */
export function useActiveSlide(scroller: RefObject<HTMLElement | null>, count: number, start: number) {
  const [active, setActive] = useState(start);
  const target = useRef(start);
  /** While a move of ours is under way, what passes by is not where it goes. */
  const moving = useRef(false);

  useLayoutEffect(() => {
    const box = scroller.current;
    if (box) box.scrollTo({ top: start * box.clientHeight, behavior: "instant" });
  }, [scroller, start]);

  useEffect(() => {
    const box = scroller.current;
    if (!box) return;
    const activate = (slide: Element | null | undefined) => {
      const index = slide ? [...box.children].indexOf(slide) : -1;
      if (index < 0 || (moving.current && index !== target.current)) return;
      target.current = index;
      setActive(index);
    };
    const heard = new AbortController();
    const on = (type: string, run: (event: Event) => void) =>
      box.addEventListener(type, run, { signal: heard.signal, passive: true });
    on("scrollsnapchanging", (event) => activate((event as SnapChanging).snapTargetBlock));
    on("scrollend", () => {
      moving.current = false;
    });
    // A finger takes over from a move of ours.
    on("touchstart", () => {
      moving.current = false;
    });
    const observer = new IntersectionObserver(
      (entries) => activate(entries.findLast((one) => one.isIntersecting)?.target),
      { root: box, threshold: IN_VIEW },
    );
    for (const child of [...box.children].slice(0, count)) observer.observe(child);
    return () => {
      heard.abort();
      observer.disconnect();
    };
  }, [scroller, count]);

  const goTo = useCallback(
    (index: number) => {
      const box = scroller.current;
      if (!box) return;
      const next = Math.min(Math.max(0, index), box.children.length - 1);
      const top = next * box.clientHeight;
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      target.current = next;
      moving.current = !still && Math.abs(box.scrollTop - top) > 1;
      setActive(next);
      box.scrollTo({ top, behavior: still ? "instant" : "smooth" });
    },
    [scroller],
  );
  /** From where the last move goes to, so that two quick presses are two slides. */
  const move = useCallback((by: number) => goTo(target.current + by), [goTo]);
  return { active, goTo, move };
}
