import type { Video } from "../api/types.ts";

export interface FirstAnswers {
  feed?: { items: Video[]; nextCursor: string | null };
  video?: Video;
}

const HEAD_START_MS = 300;

/** The server put it before `#root`: the first film, which may play already. */
const screen = () => document.getElementById("first-screen");

/** What the page contains: the answers for a guest, available before any script runs. */
export function firstAnswers(): FirstAnswers {
  const text = document.getElementById("first-answers")?.textContent;
  return text ? (JSON.parse(text) as FirstAnswers) : {};
}

/**
 * The element that already plays `url`, if the page contains one; the caller owns it from then on. A failed one is
 * left: its error event has passed.
 */
export function takeFirstFilm(url: string): HTMLVideoElement | undefined {
  const film = screen()?.querySelector("video");
  if (!film || film.error || film.src !== new URL(url, location.href).href) return undefined;
  film.autoplay = false;
  return film;
}

/**
 * Resolves when the first film moves, and after `HEAD_START_MS` at the latest: rendering the client would block the
 * browser's main thread before it can start the film.
 */
export function firstFilmMoves(): Promise<unknown> {
  const film = screen()?.querySelector("video");
  if (!film || film.currentTime > 0) return Promise.resolve();
  return Promise.race([
    new Promise((resolve) => film.addEventListener("playing", resolve, { once: true })),
    new Promise((resolve) => setTimeout(resolve, HEAD_START_MS)),
  ]);
}

/** The film continues to load behind the client, which is about to ask what this person may see. */
export function hideFirstScreen(): void {
  const box = screen();
  if (box) box.style.visibility = "hidden";
}

/** The client shows its own film now, or something else. */
export function removeFirstScreen(): void {
  const box = screen();
  const film = box?.querySelector("video");
  // Without this it would continue to load, and later ones would wait for it.
  film?.removeAttribute("src");
  film?.load();
  box?.remove();
}
