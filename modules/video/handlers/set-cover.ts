import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { UserId, VideoId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import { type BlobStore, blobKey } from "#platform/blob/blob-store.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { Media } from "#platform/media/media-tool.ts";
import { coverSize } from "#platform/media/plan.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { type Audience, mayNotChange } from "../audience.ts";
import { draftsIn, withDrafts } from "../bench.ts";
import { toVideo } from "../present.ts";
import type { VideoStore } from "../video-store.ts";

/** Another cover, for which its author waits: a picture of the video, or one of their own. */
export function setCover(
  store: PerCall<VideoStore>,
  blobs: BlobStore,
  media: Media,
  jobs: Jobs,
  audience: Audience,
): Handlers<typeof VideoService>["setCover"] {
  return async ({ id, picture }, call) => {
    const caller = requireCaller(call) as UserId;
    const { case: kind, value } = picture;
    const own = async () => (isId(id) ? (await store(call).videosById([id]))[0] : undefined);
    try {
      const video = await own();
      if (video?.author_id !== caller || video.held) throw await mayNotChange(video, call, audience);
      // That of a post of pictures is one of these.
      const hasCover = video.state === "published" && video.pictures.length === 0;
      if (!hasCover || kind === undefined) throw refusal("VIDEO_NOT_FOUND");
      return await withDrafts(draftsIn(blobs), ["jpg"], async ([draft]) => {
        const run = { signal: call.signal, person: caller };
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
        const place = () => blobs.commit(name, key);
        const done = await store(call).setCover(id as VideoId, caller, { key, thumbHash, place }, jobs);
        const now = await own();
        if (!done || !now) throw await mayNotChange(now, call, audience);
        return toVideo(now, call);
      });
    } finally {
      if (kind === "staged") await blobs.discard(value);
    }
  };
}
