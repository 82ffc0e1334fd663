import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { VideoId } from "#contracts/ids.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { moderatorsOnly, videoNotFound } from "../rules.ts";
import type { VideoStore } from "../store.ts";

export function holdVideo(store: VideoStore): Handlers<typeof VideoService>["holdVideo"] {
  return async ({ id, held }, call) => {
    requireCaller(call);
    if (!call.moderator) throw moderatorsOnly();
    if (!isId(id) || !(await store.setHeld(id as VideoId, held))) throw videoNotFound();
    return {};
  };
}
