import type { UpdateVideoRequest, VideoService } from "#contracts/gen/video_pb.ts";
import type { UserId, VideoId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { isId } from "#platform/ids/snowflake.ts";
import { requireCaller, type ServedCall } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { type Audience, mayNotChange } from "../audience.ts";
import type { FindMentions } from "../mentions.ts";
import { toVideo } from "../present.ts";
import { checkDescription, checkTitle } from "../rules.ts";
import type { VideoStore } from "../video-store.ts";
import { visibilityNamed } from "../visibility.ts";

type Service = Handlers<typeof VideoService>;
type Change = Pick<UpdateVideoRequest, "id" | "title" | "description" | "visibility" | "downloadAllowed">;

/** Changes of one's own video. */
export function updateVideo(
  store: PerCall<VideoStore>,
  audience: Audience,
  findMentions: FindMentions,
): Pick<Service, "updateVideo" | "changeTitle"> {
  async function update({ id, title, description, visibility, downloadAllowed }: Change, call: ServedCall) {
    const caller = requireCaller(call) as UserId;
    const texts = {
      ...(title !== undefined && { title: checkTitle(title) }),
      ...(description !== undefined && { description: checkDescription(description) }),
    };
    if (!isId(id)) throw refusal("VIDEO_NOT_FOUND");
    const named = visibilityNamed(visibility);
    const change = {
      ...texts,
      ...(named && { visibility: named }),
      ...(downloadAllowed !== undefined && { download_allowed: downloadAllowed }),
      mentions: await findMentions(Object.values(texts), call),
    };
    const changed = await store(call).updateVideo(id as VideoId, caller, change);
    const [video] = await store(call).videosById([id]);
    if (!changed || !video) throw await mayNotChange(video, call, audience);
    return toVideo(video, call);
  }
  return {
    updateVideo: update,
    changeTitle: ({ id, title }, call) => update({ id, title, visibility: 0 }, call),
  };
}
