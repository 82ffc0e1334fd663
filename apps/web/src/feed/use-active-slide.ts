import { type RefObject, useCallback, useLayoutEffect, useRef, useState } from "react";
import { ActiveSlide } from "./active-slide.ts";

/**
 * Which child of a snapping scroller is active, and how to move to another. `start` is shown first, without an
 * animation.
 */
export function useActiveSlide(scroller: RefObject<HTMLElement | null>, start: number) {
  const [active, setActive] = useState(start);
  const owner = useRef<ActiveSlide>(null);
  useLayoutEffect(() => {
    if (!scroller.current) return;
    owner.current = new ActiveSlide(scroller.current, start, setActive);
    const heard = new AbortController();
    owner.current.listen(heard.signal);
    return () => heard.abort();
  }, [scroller, start]);
  const goTo = useCallback((index: number) => owner.current?.goTo(index), []);
  const move = useCallback((by: number) => owner.current?.move(by), []);
  return { active, goTo, move };
}
