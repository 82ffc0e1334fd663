import type { Video } from "../api/types.ts";

/** Where somebody stopped watching. */
export type Place = NonNullable<Video["resume"]>;

const LEAST_MS = 1_500;
/** Of what somebody opened, so much is to be left; of a film that comes by itself, more. */
const LEFT_MS = { opened: 1_000, feed: 8_000 };

/** Where a video that somebody comes back to goes on; null: at its beginning. */
export function placeToGoOn(
  { kind, durationMs, pictures }: Pick<Video, "kind" | "durationMs" | "pictures">,
  stopped: Place | null | undefined,
  how: keyof typeof LEFT_MS,
): Place | null {
  if (!stopped) return null;
  if (kind === "pictures") {
    const at = pictures.findIndex(({ number }) => number === stopped.picture);
    return at > 0 ? stopped : null;
  }
  const { positionMs } = stopped;
  return positionMs >= LEAST_MS && durationMs - positionMs >= LEFT_MS[how] ? stopped : null;
}
