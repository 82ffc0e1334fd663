import type { Video } from "../api/types.ts";

export interface FirstAnswers {
  feed?: { items: Video[]; nextCursor: string | null };
  video?: Video;
}

const HEAD_START_MS = 300;

/** The server put it before `#root`: the first film, which may play already. */
const screen = () => document.getElementById("first-screen");

/** What the page brought along: the answers that a guest would be given, asked for before any script ran. */
export function firstAnswers(): FirstAnswers {
  const text = document.getElementById("first-answers")?.textContent;
  return text ? (JSON.parse(text) as FirstAnswers) : {};
}

/**
 * The element that plays `url` already, if the page brought one; it is the caller's from then on. One that has failed
 * is left: nobody would hear of it again.
 */
export function takeFirstFilm(url: string): HTMLVideoElement | undefined {
  const film = screen()?.querySelector("video");
  if (!film || film.error || film.src !== new URL(url, location.href).href) return undefined;
  film.autoplay = false;
  return film;
}

/**
 * Resolves when the first film moves, and at the latest after `HEAD_START_MS`: drawing the client would keep the
 * browser's one thread from starting it.
 */
export function firstFilmMoves(): Promise<unknown> {
  const film = screen()?.querySelector("video");
  if (!film || film.currentTime > 0) return Promise.resolve();
  return Promise.race([
    new Promise((resolve) => film.addEventListener("playing", resolve, { once: true })),
    new Promise((resolve) => setTimeout(resolve, HEAD_START_MS)),
  ]);
}

/** The film goes on loading behind the client, which is about to ask what this person may see. */
export function hideFirstScreen(): void {
  const box = screen();
  if (box) box.style.visibility = "hidden";
}

/** Once the client shows a film of its own, or something else. */
export function removeFirstScreen(): void {
  const box = screen();
  const film = box?.querySelector("video");
  // Out of the page it would go on loading, and later ones would wait for it.
  film?.removeAttribute("src");
  film?.load();
  box?.remove();
}
