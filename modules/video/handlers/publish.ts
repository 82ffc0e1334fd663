import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { UploadId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { type Ids, isId } from "#platform/ids/snowflake.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { FindMentions } from "../mentions.ts";
import { toVideo } from "../present.ts";
import { endOfSession } from "../rules.ts";
import type { UploadStore } from "../upload-store.ts";
import { wantedPost } from "../wanted-post.ts";

export function publish(
  store: PerCall<UploadStore>,
  jobs: Jobs,
  ids: Ids,
  findMentions: FindMentions,
): Handlers<typeof VideoService>["publish"] {
  return async (request, call) => {
    if (!isId(request.uploadId)) throw refusal("UPLOAD_NOT_FOUND");
    const uploadId = request.uploadId as UploadId;
    const wanted = await wantedPost(request, call, ids, findMentions);
    const video = await store(call)
      .publish({ ...wanted, uploadId }, jobs)
      .catch(endOfSession);
    if (!video) throw refusal("UPLOAD_NOT_FOUND");
    return toVideo(video, call);
  };
}
