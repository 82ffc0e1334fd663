import { type RefObject, useEffect, useLayoutEffect, useRef } from "react";
import type { Entry } from "./history.ts";

const currentEntry = () => (history.state as Entry | null)?.entry ?? 0;

/** A new page starts at its top, for eyes and for screen readers; going back restores the position. */
export function usePageStart(path: string, main: RefObject<HTMLElement | null>) {
  const scrolled = useRef(new Map<number, number>());
  const shown = useRef(path);

  useEffect(() => {
    history.scrollRestoration = "manual";
    const remember = () => scrolled.current.set(currentEntry(), scrollY);
    addEventListener("scroll", remember, { passive: true });
    return () => removeEventListener("scroll", remember);
  }, []);

  useLayoutEffect(() => {
    // The first page keeps the browser's own focus.
    if (shown.current === path) return;
    shown.current = path;
    scrollTo(0, scrolled.current.get(currentEntry()) ?? 0);
    main.current?.focus({ preventScroll: true });
  }, [path, main]);
}
