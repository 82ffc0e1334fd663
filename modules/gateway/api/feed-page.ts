import type { Position } from "#contracts/gen/feed_pb.ts";
import type { Clip } from "../clips.ts";
import type { MediaUrls } from "../media-urls.ts";
import { toApiVideo } from "./present.ts";

/** A page of a feed as `/api/v1` answers it. */
export function toFeedPage(clips: Clip[], next: Position | undefined, urls: MediaUrls) {
  return {
    items: clips.map((clip) => toApiVideo(clip, urls)),
    nextCursor: next ? `${next.publishedAtMs}-${next.videoId}` : null,
  };
}
