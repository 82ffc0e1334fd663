import type { StoredPicture } from "./tables.ts";

/** The blobs that a post shows, beside the rungs of its film. */
export function shownKeys(playKey: string, coverKey: string, pictures: StoredPicture[] = []): string[] {
  const sizes = pictures.flatMap((picture) => picture.sizes.map(({ key }) => key));
  return [...new Set([playKey, coverKey, ...sizes].filter(Boolean))];
}
