import type { SetCoverRequest } from "#contracts/gen/video_pb.ts";
import { refusal } from "#contracts/reasons.ts";
import { type BlobStore, blobKey } from "#platform/blob/blob-store.ts";
import type { Media } from "#platform/media/media-tool.ts";
import { coverSize } from "#platform/media/plan.ts";
import type { ServedCall } from "#platform/rpc/call.ts";
import { draftsIn, withDrafts } from "./bench.ts";
import type { ShownVideo } from "./video-lists.ts";
import type { NewCover } from "./video-store.ts";

/** Draws another cover of a video: a picture of it, or a staged one; whatever `use` did not place is gone afterwards. */
export type DrawCover = <T>(
  video: ShownVideo,
  picture: SetCoverRequest["picture"],
  call: ServedCall,
  use: (cover: NewCover) => Promise<T>,
) => Promise<T>;

export function drawCover(blobs: BlobStore, media: Media): DrawCover {
  return async (video, { case: kind, value }, call, use) => {
    // That of a post of pictures is one of these.
    const isMade = video.state === "published" || video.state === "ready";
    if (!isMade || video.pictures.length > 0 || kind === undefined) throw refusal("VIDEO_NOT_FOUND");
    return withDrafts(draftsIn(blobs), ["jpg"], async ([draft]) => {
      const run = { signal: call.signal, person: video.author_id };
      const { width, height } = coverSize(video);
      if (kind === "staged") {
        const box = { maxWidthPx: width, maxHeightPx: height, crop: true };
        const draw = (path: string) => media.picture(path, draft!.path, { ...box, ...run });
        await blobs.withFile({ staged: value }, draw, call.signal);
      } else {
        const draw = async (path: string) => {
          const info = await media.probe(path, run);
          await media.frame(path, draft!.path, info, { ...run, atMs: Math.min(value, video.duration_ms) });
        };
        await blobs.withFile({ key: video.play_key }, draw, call.signal);
      }
      const thumbHash = await media.placeholder(draft!.path, { width, height }, run);
      const { name, sha256 } = await blobs.adopt(draft!.name, call.signal);
      const key = blobKey("cover", sha256, "jpg");
      return use({ key, thumbHash, place: () => blobs.commit(name, key) });
    });
  };
}
