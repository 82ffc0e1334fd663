import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { UploadId, UserId } from "#contracts/ids.ts";
import { accountGone } from "#platform/accounts/people-gone.ts";
import { type BlobStore, blobKey } from "#platform/blob/blob-store.ts";
import type { Ids } from "#platform/ids/snowflake.ts";
import type { JobQueue } from "#platform/jobs/job-queue.ts";
import type { Media } from "#platform/media/media-tool.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { endOfSession } from "../rules.ts";
import type { UploadStore } from "../upload-store.ts";

export function addUpload(
  store: UploadStore,
  blobs: BlobStore,
  media: Media,
  ids: Ids,
  jobs: JobQueue,
): Handlers<typeof VideoService>["addUpload"] {
  return async ({ staged, sha256, sizeBytes }, call) => {
    const ownerId = requireCaller(call) as UserId;
    try {
      const looking = { signal: call.signal, person: ownerId };
      const info = await blobs.withFile({ staged }, (path) => media.probe(path, looking));
      const id = ids.next() as UploadId;
      // Kept under the name of a playable file: when it needs no work, it is one.
      const sourceKey = blobKey("video", sha256, info.container === "mp4" ? "mp4" : "bin");
      await store.addUpload({ id, ownerId, sourceKey, sizeBytes, info }).catch(endOfSession);
      await blobs.commit(staged, sourceKey);
      if (!(await store.keepsBlob(id, sourceKey, jobs))) throw accountGone();
      const { durationMs, width, height, notices } = info;
      return { id, sizeBytes, durationMs, width, height, notices };
    } finally {
      await blobs.discard(staged);
    }
  };
}
