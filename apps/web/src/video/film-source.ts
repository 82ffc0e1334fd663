import type { Video } from "../api/types.ts";

/** What the person, and their line, want of a film. */
export interface Wish {
  /** The short side of the wanted picture; "auto": whatever the line carries. */
  quality: "auto" | number;
  saveData: boolean;
  /** It will be seen later: its beginning is fetched first, and may be all that is seen. */
  ahead?: boolean;
  /** Bits per second; undefined where the browser does not tell. */
  lineBitrate?: number | undefined;
}

/** `rung` null: chosen from fragment to fragment, by the line. */
export type FilmSource = { kind: "file"; url: string } | { kind: "stream"; url: string; rung: number | null };

/** A line with less than this many times the bits of the film might stall. */
const LINE_RESERVE = 1.5;
/** Of a longer film the file would be fetched far ahead, and most of that is never seen. */
const LONG_MS = 60_000;

type Playable = Pick<Video, "playUrl" | "hlsUrl" | "renditions" | "durationMs">;

/**
 * The file moves sooner, since it needs one request instead of three or four (docs/adr/0031-player.md); so a short film
 * that is shown at once, on a line that carries it, is played from it. Everything else is a stream: of it no more is
 * fetched than is worth it.
 */
export function sourceOf(video: Playable, wish: Wish): FilmSource | null {
  const { playUrl, hlsUrl, renditions, durationMs } = video;
  const best = renditions.at(-1);
  if (!hlsUrl || !best) return playUrl ? { kind: "file", url: playUrl } : null;
  const rung = rungOf(video, wish);
  const carried = wish.lineBitrate === undefined || wish.lineBitrate >= best.bitrate * LINE_RESERVE;
  if (playUrl && !wish.ahead && rung === null && carried && durationMs <= LONG_MS)
    return { kind: "file", url: playUrl };
  return { kind: "stream", url: hlsUrl, rung };
}

/**
 * A file that is played goes on when rungs come, and a stream when the film comes into view: anything else would begin
 * anew. What a person chooses counts at once.
 */
export function sourceAfter(
  before: FilmSource | null | undefined,
  video: Playable,
  wish: Wish,
): FilmSource | null {
  const { playUrl } = video;
  if (before?.kind === "file" && playUrl) return { kind: "file", url: playUrl };
  return sourceOf(video, before ? { ...wish, ahead: true } : wish);
}

/** The playlist of one rung, beside that of all and signed as it is. */
export function rungAddress(masterUrl: string, rung: number): string {
  return masterUrl.replace(/[^/?]*(?=\?|$)/, `${rung}.m3u8`);
}

/** The wanted rung, or the next smaller one that there is. */
function rungOf({ renditions }: Playable, { quality, saveData }: Wish): number | null {
  if (quality === "auto") return saveData ? renditions[0]!.shortSide : null;
  return (renditions.findLast(({ shortSide }) => shortSide <= quality) ?? renditions[0]!).shortSide;
}
