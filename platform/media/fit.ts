/** A clip taller than this (width ÷ height) may fill a phone's screen; a little is cut off at the sides. */
const FILLS_BELOW = 0.66;
const UPRIGHT = 9 / 16;
/** Beyond these there is no room for text on a film. */
const NARROWEST = 0.45;
const WIDEST = 2.4;

interface Size {
  width: number;
  height: number;
}

export function fitOf({ width, height }: Size): "cover" | "contain" {
  return width > 0 && height > 0 && width / height <= FILLS_BELOW ? "cover" : "contain";
}

/** Width ÷ height of the area for a clip that does not fill the screen. */
export function ratioOf({ width, height }: Size): number {
  if (width <= 0 || height <= 0) return UPRIGHT;
  return Math.min(WIDEST, Math.max(NARROWEST, width / height));
}
