import { type Video, VideoState } from "#contracts/gen/video_pb.ts";
import type { Clip, Person } from "../composer.ts";
import type { MediaUrls } from "../media-urls.ts";

const states = {
  [VideoState.UNSPECIFIED]: "uploaded",
  [VideoState.UPLOADED]: "uploaded",
  [VideoState.PROCESSING]: "processing",
  [VideoState.PUBLISHED]: "published",
  [VideoState.FAILED]: "failed",
} as const;

export function toApiUser({ user, works }: Person, urls: MediaUrls) {
  return {
    id: user.id,
    username: user.username,
    name: user.name,
    signature: user.signature,
    avatarUrl: urls.avatar(user),
    backgroundUrl: urls.background(user),
    createdAt: toTime(user.createdAtMs),
    counts: { videos: works, following: 0, followers: 0, likesReceived: 0, likesGiven: 0 },
  };
}

export function toApiVideo({ video, author }: Clip, urls: MediaUrls) {
  return {
    id: video.id,
    title: video.title,
    author: toApiUser(author, urls),
    state: states[video.state],
    progress: video.progress,
    failure: video.failureReason ? { reason: video.failureReason, message: video.failureMessage } : null,
    playUrl: video.playKey ? urls.blob(video.playKey) : null,
    coverUrl: video.coverKey ? urls.blob(video.coverKey) : null,
    durationMs: video.durationMs,
    width: video.width,
    height: video.height,
    sizeBytes: video.sizeBytes,
    createdAt: toTime(video.createdAtMs),
    publishedAt: video.publishedAtMs ? toTime(video.publishedAtMs) : null,
    counts: { likes: 0, comments: 0 },
  };
}

export function toTime(ms: number): string {
  return new Date(ms).toISOString();
}

/** Where a list by author goes on: the last id of a full page. */
export function nextCursor(videos: Video[], more: boolean): string | null {
  return more ? (videos.at(-1)?.id ?? null) : null;
}
