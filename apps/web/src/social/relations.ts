import type { User, Video } from "../api/types.ts";

export type Reaction = Video["reaction"];

/** The video with the viewer's `reaction`, and the count that follows from it. */
export function withReaction(video: Video, reaction: Reaction): Video {
  const by = Number(reaction === "like") - Number(video.reaction === "like");
  return { ...video, reaction, counts: { ...video.counts, likes: Math.max(0, video.counts.likes + by) } };
}

export type Mark = "bookmark" | "repost";

/** The video with the viewer's mark, and the count that follows from it. */
export function withMark(video: Video, mark: Mark, to: boolean): Video {
  const [flag, count] =
    mark === "bookmark" ? (["bookmarked", "bookmarks"] as const) : (["reposted", "reposts"] as const);
  const by = Number(to) - Number(video[flag]);
  return {
    ...video,
    [flag]: to,
    counts: { ...video.counts, [count]: Math.max(0, video.counts[count] + by) },
  };
}

export function withFollow(user: User, followed: boolean): User {
  const by = Number(followed) - Number(user.followed);
  return {
    ...user,
    followed,
    counts: { ...user.counts, followers: Math.max(0, user.counts.followers + by) },
  };
}

/** A person with one of the counts changed. */
export function withCount(user: User, count: keyof User["counts"], by: number): User {
  return { ...user, counts: { ...user.counts, [count]: Math.max(0, user.counts[count] + by) } };
}
