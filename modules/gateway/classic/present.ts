import { type Comment, Reaction } from "#contracts/gen/interaction_pb.ts";
import type { Person } from "../composition/people.ts";
import type { VideoView } from "../composition/video-views.ts";
import type { MediaUrls } from "../media/media-urls.ts";

/** int64 as a bare JSON number: fast-json-stringify writes the digits of a BigInt. */
const Int64 = { type: "integer" } as const;
const Text = { type: "string" } as const;

export const userSchema = {
  type: "object",
  properties: {
    id: Int64,
    name: Text,
    follow_count: Int64,
    follower_count: Int64,
    is_follow: { type: "boolean" },
    avatar: Text,
    background_image: Text,
    signature: Text,
    total_favorited: Int64,
    work_count: Int64,
    favorite_count: Int64,
  },
} as const;

export const videoSchema = {
  type: "object",
  properties: {
    id: Int64,
    author: userSchema,
    play_url: Text,
    cover_url: Text,
    favorite_count: Int64,
    comment_count: Int64,
    view_count: Int64,
    is_favorite: { type: "boolean" },
    title: Text,
  },
} as const;

export const commentSchema = {
  type: "object",
  properties: { id: Int64, user: userSchema, content: Text, create_date: Text },
} as const;

export function toClassicUser({ user, works, likes, relation }: Person, urls: MediaUrls) {
  return {
    id: BigInt(user.id),
    name: user.name,
    follow_count: relation?.following ?? 0,
    follower_count: relation?.followers ?? 0,
    is_follow: relation?.followed ?? false,
    avatar: urls.avatar(user),
    background_image: urls.background(user),
    signature: user.signature,
    total_favorited: likes?.likesReceived ?? 0,
    work_count: works,
    favorite_count: likes?.likesGiven ?? 0,
  };
}

function toClassicVideo({ video, author, stats, views, reaction }: VideoView, urls: MediaUrls) {
  return {
    id: BigInt(video.id),
    author: toClassicUser(author, urls),
    play_url: urls.film(video),
    cover_url: urls.ofVideo(video, video.coverKey),
    favorite_count: stats?.likes ?? 0,
    comment_count: stats?.comments ?? 0,
    view_count: views,
    is_favorite: reaction === Reaction.LIKE,
    title: video.title,
  };
}

/** Posts of pictures have no film, which every video of these clients has: to them they are not there. */
export function toClassicVideos(views: VideoView[], urls: MediaUrls) {
  return views.filter(hasFilm).map((view) => toClassicVideo(view, urls));
}

export function hasFilm({ video }: Pick<VideoView, "video">): boolean {
  return video.pictures.length === 0;
}

/** The date of a time as these clients show it: 03-31. */
export type MonthAndDay = (ms: number) => string;

export function monthAndDay(timeZone: string): MonthAndDay {
  const format = new Intl.DateTimeFormat("en-US", { timeZone, month: "2-digit", day: "2-digit" });
  return (ms) => {
    const parts = format.formatToParts(ms);
    const digits = (type: "month" | "day") => parts.find((part) => part.type === type)?.value;
    return `${digits("month")}-${digits("day")}`;
  };
}

/** In place of a text that moderators have taken down: these clients know no other way to say it. */
export const removedText = "[Removed by the moderation team]";

export function toClassicComment(comment: Comment, author: Person, urls: MediaUrls, dateOf: MonthAndDay) {
  return {
    id: BigInt(comment.id),
    user: toClassicUser(author, urls),
    content: comment.takenDown ? removedText : comment.text,
    create_date: dateOf(comment.createdAtMs),
  };
}
