import type { Video } from "../api/types.ts";

/** Each video once (a page may overlap the last after an upload), and only playable ones. */
export function playable(videos: readonly Video[]): Video[] {
  return [...new Map(videos.filter((video) => video.playUrl).map((video) => [video.id, video])).values()];
}

/** The same without videos that the viewer marked as not for them. */
export const wanted = (videos: readonly Video[]): Video[] =>
  playable(videos.filter((video) => video.reaction !== "dislike"));
