export type Preload = "auto" | "metadata" | "none";

/**
 * What a slide `distance` after the active one (negative: before) loads. Null: no video element. Nothing is preloaded
 * before the active one plays (`warm`), so that it has the whole bandwidth; then of the next `ahead`.
 */
export function preloadOf(distance: number, warm: boolean, ahead: number): Preload | null {
  if (distance === 0) return "auto";
  if (distance === -1) return "metadata";
  if (distance > 0 && distance <= ahead) return warm ? "auto" : "none";
  return distance === 1 ? "none" : null;
}

/** Slides further away are empty boxes without a cover. */
export const isShown = (distance: number): boolean => distance >= -2 && distance <= 3;

/** Whether to fetch the next page: three unseen slides are left. */
export const isNearEnd = (active: number, count: number): boolean => active >= count - 4;
