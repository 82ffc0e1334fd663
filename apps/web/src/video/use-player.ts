import { type RefObject, useCallback, useEffect, useRef, useState } from "react";
import { removeFirstScreen, takeFirstFilm } from "../feed/first-screen.ts";
import type { Preload } from "../feed/nearness.ts";
import { type Film, loadFilm } from "./film.ts";
import type { FilmSource } from "./film-source.ts";
import { useSound } from "./sound.tsx";

const AGAIN_MS = 2000;
/** Longer than a slide takes from view to view. */
const SLIDE_MS = 700;
const MAX_DOUBLINGS = 4;

export type PlayerStatus = "loading" | "playing" | "stalled" | "failed";

interface Options {
  source: FilmSource | null;
  /** How many times as fast as it was filmed. */
  speed: number;
  /** Where it begins when it first comes into view, in seconds. */
  startS: number;
  /** Null: the slide is too far away to have a video element. */
  preload: Preload | null;
  active: boolean;
  paused: boolean;
  holder: RefObject<HTMLElement | null>;
  /** The active video is playing: the next ones may load. */
  onWarm: () => void;
  /** To save power, the browser does not even start a silent video by itself: it waits for a tap. */
  onHeld: () => void;
}

/** Puts a video element of the pool into `holder` and keeps it in step with the slide's state. */
export function usePlayer({
  source,
  speed,
  startS,
  preload,
  active,
  paused,
  holder,
  onWarm,
  onHeld,
}: Options) {
  const { pool, muted, refused } = useSound();
  const [element, setElement] = useState<HTMLVideoElement | null>(null);
  const [status, setStatus] = useState<PlayerStatus>("loading");
  const [film, setFilm] = useState<Film | null>(null);
  const failures = useRef(0);
  /** Another source of the same film, of another quality, continues where the last one was. */
  const placeS = useRef(startS);
  const near = preload !== null;
  const key = source && JSON.stringify(source);

  useEffect(() => {
    if (!near || !key || !holder.current) return;
    const from = JSON.parse(key) as FilmSource;
    const first = from.kind === "file" ? takeFirstFilm(from.url) : undefined;
    const taken = pool.take(first);
    const heard = new AbortController();
    const on = (type: string, run: () => void) => taken.addEventListener(type, run, heard);
    const loaded = loadFilm(taken, from, placeS.current, () => setStatus("failed"));
    taken.dataset.shown = String(taken.readyState >= HTMLMediaElement.HAVE_CURRENT_DATA);
    setStatus(taken.readyState >= HTMLMediaElement.HAVE_FUTURE_DATA && !taken.paused ? "playing" : "loading");
    on("loadeddata", () => {
      taken.dataset.shown = "true";
    });
    on("playing", () => setStatus("playing"));
    on("waiting", () => setStatus("stalled"));
    on("error", () => setStatus("failed"));
    // Moved at once, a playing film continues to play.
    holder.current.append(taken);
    removeFirstScreen();
    setElement(taken);
    setFilm(loaded);
    return () => {
      heard.abort();
      placeS.current = loaded.end();
      setElement(null);
      setFilm(null);
      pool.give(taken);
    };
  }, [near, key, pool, holder]);

  useEffect(() => {
    if (film && preload) film.fetch(preload, active);
    if (!active) placeS.current = 0;
  }, [film, preload, active]);

  useEffect(() => {
    if (!element) return;
    // Loading sets the one to the other.
    element.defaultPlaybackRate = speed;
    element.playbackRate = speed;
  }, [element, speed]);

  useEffect(() => {
    if (element) element.muted = muted;
  }, [element, muted]);

  const failed = status === "failed";
  useEffect(() => {
    if (!element || failed) return;
    if (!active) {
      element.pause();
      // It starts from the beginning next time, but not while it is still sliding out of view.
      const timer = setTimeout(() => {
        if (element.currentTime > 0) element.currentTime = 0;
      }, SLIDE_MS);
      return () => clearTimeout(timer);
    }
    const follow = () => {
      const floating = document.pictureInPictureElement;
      if (paused || (document.hidden && floating !== element)) return element.pause();
      // The window that floats shows what is in view.
      if (floating && floating !== element) element.requestPictureInPicture().catch(() => {});
      element.play().catch((error: DOMException) => {
        if (error.name !== "NotAllowedError") return;
        if (element.muted) onHeld();
        else refused();
      });
    };
    follow();
    // A source that an element is given pauses it, and a stream gives its own only when it is attached.
    const heard = new AbortController();
    element.addEventListener("loadedmetadata", follow, heard);
    // Closing the window pauses it.
    element.addEventListener("leavepictureinpicture", follow, heard);
    document.addEventListener("visibilitychange", follow, heard);
    return () => heard.abort();
  }, [element, failed, active, paused, refused, onHeld]);

  useEffect(() => {
    if (active && status === "playing") onWarm();
  }, [active, status, onWarm]);

  const retry = useCallback(() => {
    if (!element || !film) return;
    element.dataset.shown = "false";
    film.retry();
    setStatus("loading");
  }, [element, film]);
  // Once at once, then less and less often: a server or a network that was down comes back.
  useEffect(() => {
    if (!active || status === "playing") failures.current = 0;
    if (!active || !failed) return;
    const usualMs = AGAIN_MS * (2 ** failures.current - 1);
    // Not everybody comes back in the moment in which a server does.
    const timer = setTimeout(retry, usualMs * (1 + Math.random() / 2));
    failures.current = Math.min(failures.current + 1, MAX_DOUBLINGS);
    addEventListener("online", retry);
    return () => {
      clearTimeout(timer);
      removeEventListener("online", retry);
    };
  }, [active, status, failed, retry]);

  return { element, status, retry };
}
