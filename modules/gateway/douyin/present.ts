import type { Clip, Person } from "../composer.ts";
import type { MediaUrls } from "../media-urls.ts";

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

export function toClassicUser({ user, works }: Person, urls: MediaUrls) {
  return {
    id: BigInt(user.id),
    name: user.name,
    follow_count: 0,
    follower_count: 0,
    is_follow: false,
    avatar: urls.avatar(user),
    background_image: urls.background(user),
    signature: user.signature,
    total_favorited: 0,
    work_count: works,
    favorite_count: 0,
  };
}

export function toClassicVideo({ video, author }: Clip, urls: MediaUrls) {
  return {
    id: BigInt(video.id),
    author: toClassicUser(author, urls),
    play_url: urls.blob(video.playKey),
    cover_url: urls.blob(video.coverKey),
    favorite_count: 0,
    comment_count: 0,
    is_favorite: false,
    title: video.title,
  };
}
