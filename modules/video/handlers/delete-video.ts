import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { UserId, VideoId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { type Audience, mayNotChange } from "../audience.ts";
import type { VideoStore } from "../video-store.ts";

export function deleteVideo(
  store: PerCall<VideoStore>,
  jobs: Jobs,
  audience: Audience,
): Handlers<typeof VideoService>["deleteVideo"] {
  return async (request, call) => {
    const caller = requireCaller(call) as UserId;
    if (!isId(request.id)) throw refusal("VIDEO_NOT_FOUND");
    if (!(await store(call).deleteVideo(request.id as VideoId, caller, jobs))) {
      const [video] = await store(call).videosById([request.id]);
      throw await mayNotChange(video, call, audience);
    }
    return {};
  };
}
