/** Taller than this (width ÷ height) a clip may fill a phone's screen; a little is cut off at the sides. */
const FILLS_BELOW = 0.66;

export function fitOf(width: number, height: number): "cover" | "contain" {
  return width > 0 && height > 0 && width / height <= FILLS_BELOW ? "cover" : "contain";
}
