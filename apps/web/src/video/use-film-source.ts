import { useMemo, useRef } from "react";
import type { Video } from "../api/types.ts";
import { usePreferences } from "../settings/use-preferences.ts";
import { type FilmSource, sourceAfter } from "./film-source.ts";
import { browserSavesData, lineBitrate } from "./line.ts";

export function useSavesData(): boolean {
  return usePreferences().dataSaver || browserSavesData();
}

/** Chosen once for each film: a line that changes, or coming into view, does not begin it anew. */
export function useFilmSource({ id, playUrl, hlsUrl, renditions, durationMs }: Video, active: boolean) {
  const { quality, speed } = usePreferences();
  const saveData = useSavesData();
  const chosen = useRef<{ by: string; source: FilmSource | null }>(null);
  const by = `${id} ${quality} ${saveData}`;
  const source = useMemo(() => {
    const before = chosen.current?.by === by ? chosen.current.source : null;
    const video = { playUrl, hlsUrl, renditions, durationMs };
    const wish = { quality, saveData, ahead: !active, lineBitrate: lineBitrate() };
    const after = sourceAfter(before, video, wish);
    chosen.current = { by, source: after };
    return after;
  }, [playUrl, hlsUrl, renditions, durationMs, quality, saveData, by, active]);
  return { source, speed };
}
