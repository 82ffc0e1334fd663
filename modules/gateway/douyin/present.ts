import { type Comment, Reaction } from "#contracts/gen/interaction_pb.ts";
import type { Clip } from "../clips.ts";
import type { MediaUrls } from "../media-urls.ts";
import type { Person } from "../people.ts";

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

export function toClassicVideo({ video, author, stats, opinion }: Clip, urls: MediaUrls) {
  return {
    id: BigInt(video.id),
    author: toClassicUser(author, urls),
    play_url: urls.blob(video.playKey),
    cover_url: urls.blob(video.coverKey),
    favorite_count: stats?.likes ?? 0,
    comment_count: stats?.comments ?? 0,
    is_favorite: opinion === Reaction.LIKE,
    title: video.title,
  };
}

export function toClassicComment(comment: Comment, author: Person, urls: MediaUrls) {
  const made = new Date(comment.createdAtMs);
  const twoDigits = (number: number) => String(number).padStart(2, "0");
  return {
    id: BigInt(comment.id),
    user: toClassicUser(author, urls),
    content: comment.text,
    // The server's own calendar, since this form names no time zone.
    create_date: `${twoDigits(made.getMonth() + 1)}-${twoDigits(made.getDate())}`,
  };
}
