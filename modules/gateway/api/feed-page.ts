import type { Position } from "#contracts/gen/feed_pb.ts";
import type { Composer } from "../composer.ts";
import type { MediaUrls } from "../media-urls.ts";
import type { PublicCall } from "../request-call.ts";
import { toApiVideo } from "./present.ts";

/** A page of a feed as `/api/v1` answers it. */
export async function feedPage(
  composer: Composer,
  found: { videoIds: string[]; next?: Position | undefined },
  call: PublicCall,
  urls: MediaUrls,
) {
  const clips = await composer.feedClips(found.videoIds, call);
  return {
    items: clips.map((clip) => toApiVideo(clip, urls)),
    nextCursor: found.next ? `${found.next.publishedAtMs}-${found.next.videoId}` : null,
  };
}
