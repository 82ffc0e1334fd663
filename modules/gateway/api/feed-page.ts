import type { Position } from "#contracts/gen/feed_pb.ts";
import type { VideoView } from "../composition/video-views.ts";
import type { MediaUrls } from "../media/media-urls.ts";
import { toApiVideo } from "./present.ts";

/** A page of a feed as `/api/v1` answers it. */
export function toFeedPage(views: VideoView[], next: Position | undefined, urls: MediaUrls) {
  return {
    items: views.map((view) => toApiVideo(view, urls)),
    nextCursor: next ? `${next.publishedAtMs}-${next.videoId}` : null,
  };
}
