import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { UploadId, UserId, VideoId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { type Ids, isId } from "#platform/ids/snowflake.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { FindMentions } from "../mentions.ts";
import { toVideo } from "../present.ts";
import { checkDescription, checkTitle, endOfSession } from "../rules.ts";
import type { UploadStore } from "../upload-store.ts";
import { visibilityNamed } from "../visibility.ts";

export function publish(
  store: PerCall<UploadStore>,
  jobs: Jobs,
  ids: Ids,
  findMentions: FindMentions,
): Handlers<typeof VideoService>["publish"] {
  return async (request, call) => {
    const authorId = requireCaller(call) as UserId;
    const title = checkTitle(request.title);
    if (!isId(request.uploadId)) throw refusal("UPLOAD_NOT_FOUND");
    const uploadId = request.uploadId as UploadId;
    const description = checkDescription(request.description);
    const wanted = {
      id: ids.next() as VideoId,
      authorId,
      uploadId,
      title,
      description,
      mentions: await findMentions([title, description], call),
      visibility: visibilityNamed(request.visibility) ?? "public",
      download_allowed: request.downloadAllowed ?? true,
      draft: request.draft || request.publishAtMs !== 0,
      publishAtMs: request.publishAtMs,
    };
    const video = await store(call).publish(wanted, jobs).catch(endOfSession);
    if (!video) throw refusal("UPLOAD_NOT_FOUND");
    return toVideo(video, call);
  };
}
