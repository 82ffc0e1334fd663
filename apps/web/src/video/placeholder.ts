import type { CSSProperties } from "react";
import { thumbHashToDataURL } from "thumbhash";
import type { Video } from "../api/types.ts";

/** What is seen behind a cover until it is there. */
export function placeholder(
  { thumbHash }: Pick<Video, "thumbHash">,
  fit: "cover" | "contain" = "cover",
): CSSProperties | undefined {
  const url = thumbHash ? pictureOf(thumbHash) : undefined;
  return url ? { background: `center / ${fit} no-repeat url(${url})` } : undefined;
}

/** Enough for the feed that is on the screen. */
const maxDrawn = 100;
const drawn = new Map<string, string | undefined>();

function pictureOf(thumbHash: string): string | undefined {
  if (drawn.has(thumbHash)) return drawn.get(thumbHash);
  if (drawn.size >= maxDrawn) drawn.clear();
  const url = draw(thumbHash);
  drawn.set(thumbHash, url);
  return url;
}

/** Nothing if it is none. */
function draw(thumbHash: string): string | undefined {
  try {
    return thumbHashToDataURL(Uint8Array.from(atob(thumbHash), (char) => char.charCodeAt(0)));
  } catch {
    return undefined;
  }
}
