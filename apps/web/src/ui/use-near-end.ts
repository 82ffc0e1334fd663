import { useEffect, useRef } from "react";

/** Calls `more` when the marked element comes near the visible part, as long as more is `wanted`. */
export function useNearEnd<Mark extends Element>(wanted: boolean, more: () => unknown) {
  const mark = useRef<Mark>(null);
  useEffect(() => {
    if (!mark.current || !wanted) return;
    // The second is for lists that scroll inside the page; not every browser supports it.
    const margins = { rootMargin: "600px", scrollMargin: "600px" };
    // A busy browser tells of several states at once; the last is how it is now.
    const observer = new IntersectionObserver((entries) => entries.at(-1)?.isIntersecting && more(), margins);
    observer.observe(mark.current);
    return () => observer.disconnect();
  }, [wanted, more]);
  return mark;
}
