export type Preload = "auto" | "metadata" | "none";

/**
 * What a slide `distance` after the active one (negative: before) loads. Null: no video element. Nothing is preloaded
 * before the active one plays (`warm`), so that it has the whole bandwidth.
 */
export function preloadOf(distance: number, warm: boolean, saveData: boolean): Preload | null {
  if (distance === 0) return "auto";
  if (distance === 1) return warm && !saveData ? "auto" : "none";
  if (distance === 2) return warm && !saveData ? "metadata" : null;
  if (distance === -1) return "metadata";
  return null;
}

/** Slides further away are empty boxes without a cover. */
export const isShown = (distance: number): boolean => Math.abs(distance) <= 2;

/** Whether to fetch the next page: three unseen slides are left. */
export const isNearEnd = (active: number, count: number): boolean => active >= count - 4;
