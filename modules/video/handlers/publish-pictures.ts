import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { UploadId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { type Ids, isId } from "#platform/ids/snowflake.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { FindMentions } from "../mentions.ts";
import type { PicturePostStore } from "../picture-post-store.ts";
import { toVideo } from "../present.ts";
import { checkAlt, endOfSession, maxPictures } from "../rules.ts";
import { wantedPost } from "../wanted-post.ts";

export function publishPictures(
  store: PerCall<PicturePostStore>,
  jobs: Jobs,
  ids: Ids,
  findMentions: FindMentions,
): Handlers<typeof VideoService>["publishPictures"] {
  return async (request, call) => {
    const asked = request.pictures;
    const each = new Set(asked.map(({ uploadId }) => uploadId));
    if (asked.length < 1 || asked.length > maxPictures || each.size < asked.length)
      throw refusal("PICTURES_TOO_MANY", { max: maxPictures });
    const pictures = asked.map(({ uploadId, alt }) => {
      if (!isId(uploadId)) throw refusal("UPLOAD_NOT_FOUND");
      return { uploadId: uploadId as UploadId, alt: checkAlt(alt) };
    });
    const wanted = await wantedPost(request, call, ids, findMentions);
    const post = await store(call)
      .publish({ ...wanted, pictures }, jobs)
      .catch(endOfSession);
    if (!post) throw refusal("UPLOAD_NOT_FOUND");
    return toVideo(post, call);
  };
}
