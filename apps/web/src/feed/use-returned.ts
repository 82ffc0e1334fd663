import { useEffect, useRef } from "react";
import type { Video } from "../api/types.ts";

/** Returns to a video that was removed while it was in view, when that is undone. */
export function useReturned(
  videos: readonly Video[],
  currentId: string | null,
  goTo: (index: number) => void,
): void {
  const inView = useRef<string | null>(null);
  const taken = useRef<string | null>(null);
  useEffect(() => {
    const at = (id: string | null) => videos.findIndex((video) => video.id === id);
    if (taken.current && at(taken.current) >= 0) {
      goTo(at(taken.current));
      taken.current = null;
    }
    if (inView.current && at(inView.current) < 0) taken.current = inView.current;
  }, [videos, goTo]);
  useEffect(() => {
    inView.current = currentId;
  }, [currentId]);
}
