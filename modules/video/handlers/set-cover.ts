import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { UserId, VideoId } from "#contracts/ids.ts";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { type Audience, mayNotChange } from "../audience.ts";
import type { DrawCover } from "../draw-cover.ts";
import { toVideo } from "../present.ts";
import type { VideoStore } from "../video-store.ts";

/** Another cover, for which its author waits: a picture of the video, or one of their own. */
export function setCover(
  store: PerCall<VideoStore>,
  blobs: BlobStore,
  draw: DrawCover,
  jobs: Jobs,
  audience: Audience,
): Handlers<typeof VideoService>["setCover"] {
  return async ({ id, picture }, call) => {
    const caller = requireCaller(call) as UserId;
    const own = async () => (isId(id) ? (await store(call).videosById([id]))[0] : undefined);
    try {
      const video = await own();
      if (video?.author_id !== caller || video.held) throw await mayNotChange(video, call, audience);
      const done = await draw(video, picture, call, (cover) =>
        store(call).updateVideo(id as VideoId, caller, { mentions: {} }, jobs, cover),
      );
      const now = await own();
      if (!done || !now) throw await mayNotChange(now, call, audience);
      return toVideo(now, call);
    } finally {
      if (picture.case === "staged") await blobs.discard(picture.value);
    }
  };
}
