import { useMemo } from "react";
import type { Video } from "../api/types.ts";
import { usePreferences } from "../settings/use-preferences.ts";
import { sourceOf } from "./film-source.ts";
import { browserSavesData, lineBitrate } from "./line.ts";

export function useSavesData(): boolean {
  return usePreferences().dataSaver || browserSavesData();
}

/** Chosen once for each film: a line that changes meanwhile does not begin it anew. */
export function useFilmSource({ playUrl, hlsUrl, renditions, durationMs }: Video) {
  const { quality, speed } = usePreferences();
  const saveData = useSavesData();
  const source = useMemo(
    () =>
      sourceOf(
        { playUrl, hlsUrl, renditions, durationMs },
        { quality, saveData, lineBitrate: lineBitrate() },
      ),
    [playUrl, hlsUrl, renditions, durationMs, quality, saveData],
  );
  return { source, speed };
}
