import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { UserId, VideoId } from "#contracts/ids.ts";
import { isId } from "#platform/ids/snowflake.ts";
import type { JobQueue } from "#platform/jobs/job-queue.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { mayNotChange, videoNotFound } from "../rules.ts";
import type { VideoStore } from "../video-store.ts";

export function deleteVideo(store: VideoStore, jobs: JobQueue): Handlers<typeof VideoService>["deleteVideo"] {
  return async (request, call) => {
    const caller = requireCaller(call) as UserId;
    if (!isId(request.id)) throw videoNotFound();
    if (!(await store.deleteVideo(request.id as VideoId, caller, jobs))) {
      const [video] = await store.videosById([request.id]);
      throw mayNotChange(video, caller);
    }
    jobs.wake();
    return {};
  };
}
