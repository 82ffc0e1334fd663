import { useEffect, useMemo } from "react";
import { useServices } from "../api/services.tsx";
import type { Source, Video } from "../api/types.ts";
import { usePageShown } from "../ui/use-page-shown.ts";
import type { Watching } from "./reporter.ts";

function useWatching({ id, kind, durationMs }: Video, active: boolean, from: Source): Watching {
  const { reporter } = useServices();
  const lengthMs = kind === "pictures" ? 0 : durationMs;
  const watching = useMemo(
    () => reporter.watch({ id, durationMs: lengthMs }, from),
    [reporter, id, lengthMs, from],
  );
  useEffect(() => (active ? watching.end : undefined), [watching, active]);
  return watching;
}

/** Tells how a film is watched. */
export function useFilmWatching(
  video: Video,
  element: HTMLVideoElement | null,
  active: boolean,
  from: Source,
): void {
  const watching = useWatching(video, active, from);
  useEffect(() => {
    if (!active || !element) return;
    const heard = new AbortController();
    const on = (types: string[], run: () => void) => {
      for (const type of types) element.addEventListener(type, run, heard);
    };
    const isPlaying = () => !element.paused && element.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA;
    const look = () => {
      watching.run(isPlaying());
      watching.at(element.currentTime, element.playbackRate);
    };
    on(["playing", "timeupdate"], look);
    on(["pause", "waiting", "emptied", "error"], () => watching.run(false));
    // Before the reporter tells the last of this page: a film says where it is four times a second only.
    const first = { capture: true, signal: heard.signal };
    document.addEventListener("visibilitychange", look, first);
    addEventListener("pagehide", look, first);
    // It plays already.
    if (isPlaying()) look();
    return () => {
      heard.abort();
      watching.run(false);
    };
  }, [watching, element, active]);
}

/** Tells which pictures of a post are seen, from when the first one is there. */
export function usePictureWatching(
  video: Video,
  active: boolean,
  from: Source,
  at: number,
  isThere: boolean,
): void {
  const watching = useWatching(video, active, from);
  const isShown = usePageShown();
  const isSeen = active && isThere;
  const number = video.pictures[at]?.number;
  const isLast = at === video.pictures.length - 1;
  useEffect(() => watching.run(isSeen && isShown), [watching, isSeen, isShown]);
  useEffect(() => {
    if (isSeen && isShown && number !== undefined) watching.showsPicture(number, isLast);
  }, [watching, isSeen, isShown, number, isLast]);
}
