import type { StoredPicture } from "./tables.ts";

/** Boxes of the sizes, the largest first: for a desk, for a phone, for a grid. */
export const boxes = [
  { maxWidthPx: 2160, maxHeightPx: 3840 },
  { maxWidthPx: 1080, maxHeightPx: 1920 },
  { maxWidthPx: 480, maxHeightPx: 854 },
] as const;
/** The one that stands for the post. */
const { maxWidthPx, maxHeightPx } = boxes[1];

/** What stands for a post whose first picture this is, made in all of its sizes. */
export function faceOf({ sizes, thumbHash, width, height }: StoredPicture) {
  const cover = sizes.find((size) => size.width >= maxWidthPx || size.height >= maxHeightPx) ?? sizes.at(-1);
  return { coverKey: cover!.key, thumbHash, width, height };
}
