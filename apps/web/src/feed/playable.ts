import type { Video } from "../api/types.ts";

/** Each video once (a page may overlap the last after an upload), and only what can be played. */
export function playable(videos: readonly Video[]): Video[] {
  return [...new Map(videos.filter((video) => video.playUrl).map((video) => [video.id, video])).values()];
}
