import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { UploadId, UserId, VideoId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { type Ids, isId } from "#platform/ids/snowflake.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { FindMentions } from "../mentions.ts";
import type { PicturePostStore } from "../picture-post-store.ts";
import { toVideo } from "../present.ts";
import { checkAlt, checkDescription, checkTitle, endOfSession, maxPictures } from "../rules.ts";
import { visibilityNamed } from "../visibility.ts";

export function publishPictures(
  store: PerCall<PicturePostStore>,
  jobs: Jobs,
  ids: Ids,
  findMentions: FindMentions,
): Handlers<typeof VideoService>["publishPictures"] {
  return async (request, call) => {
    const authorId = requireCaller(call) as UserId;
    const title = checkTitle(request.title);
    const description = checkDescription(request.description);
    const asked = request.pictures;
    const each = new Set(asked.map(({ uploadId }) => uploadId));
    if (asked.length < 1 || asked.length > maxPictures || each.size < asked.length)
      throw refusal("PICTURES_TOO_MANY", { max: maxPictures });
    const pictures = asked.map(({ uploadId, alt }) => {
      if (!isId(uploadId)) throw refusal("UPLOAD_NOT_FOUND");
      return { uploadId: uploadId as UploadId, alt: checkAlt(alt) };
    });
    const wanted = {
      id: ids.next() as VideoId,
      ...{ authorId, pictures, title, description },
      mentions: await findMentions([title, description], call),
      visibility: visibilityNamed(request.visibility) ?? "public",
      download_allowed: request.downloadAllowed ?? true,
      draft: request.draft || request.publishAtMs !== 0,
      publishAtMs: request.publishAtMs,
    };
    const post = await store(call).publish(wanted, jobs).catch(endOfSession);
    if (!post) throw refusal("UPLOAD_NOT_FOUND");
    return toVideo(post, call);
  };
}
