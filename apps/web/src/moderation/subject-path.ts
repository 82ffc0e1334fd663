import type { Subject } from "../api/types.ts";

/** Where a thing is seen; undefined: nowhere by its id alone. */
export function subjectPath({ kind, id }: Subject, videoId: string | null): string | undefined {
  if (kind === "video") return `/video/${id}`;
  if (kind === "user") return `/user/${id}`;
  if (kind === "comment" && videoId) return `/video/${videoId}?comments`;
  return undefined;
}
