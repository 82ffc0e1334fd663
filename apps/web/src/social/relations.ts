import type { User, Video } from "../api/types.ts";

export type Reaction = Video["reaction"];

/** The video with the viewer's `reaction`, and the count that follows from it. */
export function withReaction(video: Video, reaction: Reaction): Video {
  const by = Number(reaction === "like") - Number(video.reaction === "like");
  return { ...video, reaction, counts: { ...video.counts, likes: Math.max(0, video.counts.likes + by) } };
}

/** The video with the viewer's bookmark, and the count that follows from it. */
export function withBookmark(video: Video, bookmarked: boolean): Video {
  const by = Number(bookmarked) - Number(video.bookmarked);
  return {
    ...video,
    bookmarked,
    counts: { ...video.counts, bookmarks: Math.max(0, video.counts.bookmarks + by) },
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
