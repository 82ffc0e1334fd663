import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { UserId, VideoId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { toVideo } from "../present.ts";
import { checkTitle, mayNotChange } from "../rules.ts";
import type { VideoStore } from "../video-store.ts";

export function changeTitle(store: PerCall<VideoStore>): Handlers<typeof VideoService>["changeTitle"] {
  return async (request, call) => {
    const caller = requireCaller(call) as UserId;
    const title = checkTitle(request.title);
    if (!isId(request.id)) throw refusal("VIDEO_NOT_FOUND");
    const changed = await store(call).changeTitle(request.id as VideoId, caller, title);
    const [video] = await store(call).videosById([request.id]);
    if (!changed || !video) throw mayNotChange(video, caller);
    return toVideo(video, call);
  };
}
