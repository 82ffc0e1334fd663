import type { SetCoverRequest } from "#contracts/gen/video_pb.ts";
import type { VideoId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import { type BlobStore, blobKey, type Staged } from "#platform/blob/blob-store.ts";
import type { PerCall } from "#platform/db/database.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { Media } from "#platform/media/media-tool.ts";
import { coverSize } from "#platform/media/plan.ts";
import type { ServedCall } from "#platform/rpc/call.ts";
import { draftsIn, withDrafts } from "./bench.ts";
import type { BlobUseStore } from "./blob-use-store.ts";
import { keepBlob, VideoGone } from "./keep-blob.ts";
import type { NewCover } from "./shown-changes.ts";
import type { ShownVideo } from "./video-lists.ts";

/**
 * Draws another cover of a video: a picture of it, or a staged one. What `show` does not show is gone afterwards; returns
 * whether it does.
 */
export type DrawCover = (
  video: ShownVideo,
  picture: SetCoverRequest["picture"],
  call: ServedCall,
  show: Show,
) => Promise<boolean>;
type Show = (cover: NewCover) => Promise<boolean>;

export function drawCover(
  uses: PerCall<BlobUseStore>,
  blobs: BlobStore,
  media: Media,
  jobs: Jobs,
): DrawCover {
  /** Outside of the transaction that shows it: a store far away may take its time. */
  async function place(id: VideoId, staged: Staged, thumbHash: string, call: ServedCall, show: Show) {
    const key = blobKey("cover", staged.sha256, "jpg");
    const release = await uses(call).releaseUnlessShown(key, id, jobs);
    try {
      await keepBlob(uses(call), blobs, jobs, id, "cover", "jpg", staged);
      return await show({ key, thumbHash });
    } catch (error) {
      // It is gone, or has let go of the file with others that nobody needs.
      throw error instanceof VideoGone ? refusal("BUSY") : error;
    } finally {
      // Where it cannot be done now, the job does it.
      await uses.lasting.releaseUnshown({ key: release }, jobs).catch(() => {});
    }
  }

  return async (video, { case: kind, value }, call, show) => {
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
      const staged = await blobs.adopt(draft!.name, call.signal);
      return place(video.id as VideoId, staged, thumbHash, call, show);
    });
  };
}
