import type { Video } from "../api/types.ts";

/** Whether there is something to show: a film, or pictures. */
export const isPlayable = ({ playUrl, kind, state }: Pick<Video, "playUrl" | "kind" | "state">): boolean =>
  playUrl !== null || (kind === "pictures" && state === "published");

/** Each video once (a page may overlap the last after an upload), and only playable ones. */
export function playable(videos: readonly Video[]): Video[] {
  return [...new Map(videos.filter(isPlayable).map((video) => [video.id, video])).values()];
}

/** The same without videos that the viewer marked as not for them. */
export const wanted = (videos: readonly Video[]): Video[] =>
  playable(videos.filter((video) => video.reaction !== "dislike"));
