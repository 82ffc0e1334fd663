import { type RefObject, useCallback, useEffect, useLayoutEffect, useRef, useState } from "react";

/**
 * Which child of a snapping scroller is in view, and moving to another. `start` is shown first, without
 * an animation; `count` is the number of children (the end card included).
 */
export function useActiveSlide(scroller: RefObject<HTMLElement | null>, count: number, start: number) {
  const [active, setActive] = useState(start);
  const target = useRef(start);

  useLayoutEffect(() => {
    const box = scroller.current;
    if (box) box.scrollTo({ top: start * box.clientHeight, behavior: "instant" });
  }, [scroller, start]);

  useEffect(() => {
    const box = scroller.current;
    if (!box) return;
    const observer = new IntersectionObserver(
      (entries) => {
        const entry = entries.findLast((one) => one.isIntersecting);
        if (!entry) return;
        const index = [...box.children].indexOf(entry.target);
        target.current = index;
        setActive(index);
      },
      { root: box, threshold: 0.6 },
    );
    for (const child of [...box.children].slice(0, count)) observer.observe(child);
    return () => observer.disconnect();
  }, [scroller, count]);

  const goTo = useCallback(
    (index: number) => {
      const box = scroller.current;
      if (!box) return;
      target.current = Math.min(Math.max(0, index), box.children.length - 1);
      const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
      box.scrollTo({ top: target.current * box.clientHeight, behavior: still ? "instant" : "smooth" });
    },
    [scroller],
  );
  /** From where the last move goes to, so that two quick presses are two slides. */
  const move = useCallback((by: number) => goTo(target.current + by), [goTo]);
  return { active, goTo, move };
}
