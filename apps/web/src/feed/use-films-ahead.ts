import { useEffect, useRef, useState } from "react";
import type { Video } from "../api/types.ts";
import { stays } from "../video/stays.ts";

/** Sound and pictures do not end together. */
const END_S = 0.5;

/** Of how many next films the beginning is worth fetching; notes how long each film in view was watched. */
export function useFilmsAhead(current: Video | undefined, playing: boolean): number {
  const [ahead, setAhead] = useState(stays.filmsAhead);
  /** Undefined until it plays. */
  const sinceMs = useRef<number>(undefined);
  const filmId = current?.kind === "video" ? current.id : undefined;
  const durationS = (current?.durationMs ?? 0) / 1000;
  useEffect(() => {
    if (filmId === undefined) return;
    return () => {
      const stayS = sinceMs.current === undefined ? 0 : (performance.now() - sinceMs.current) / 1000;
      sinceMs.current = undefined;
      stays.note(stayS >= durationS - END_S ? Number.POSITIVE_INFINITY : stayS);
      setAhead(stays.filmsAhead());
    };
  }, [filmId, durationS]);
  useEffect(() => {
    if (playing) sinceMs.current ??= performance.now();
  }, [playing]);
  return ahead;
}
