import { useEffect, useRef } from "react";

/** Calls `more` when the marked element comes near the visible part, as long as more is `wanted`. */
export function useNearEnd<Mark extends Element>(wanted: boolean, more: () => unknown) {
  const mark = useRef<Mark>(null);
  useEffect(() => {
    if (!mark.current || !wanted) return;
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && more(), {
      rootMargin: "600px",
    });
    observer.observe(mark.current);
    return () => observer.disconnect();
  }, [wanted, more]);
  return mark;
}
