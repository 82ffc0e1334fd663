import { availableParallelism } from "node:os";
import { accountDeleted } from "#contracts/deleted-accounts.ts";
import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { UploadId, UserId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import { type BlobStore, blobKey } from "#platform/blob/blob-store.ts";
import type { PerCall } from "#platform/db/database.ts";
import type { Ids } from "#platform/ids/snowflake.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { refuseTooHeavy } from "#platform/media/effort.ts";
import type { Media } from "#platform/media/media-tool.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import {
  addressShare,
  endOfSession,
  firstRenditionShortSidePx,
  tooMuchUnpublished,
  unpublishedShare,
} from "../rules.ts";
import type { Unpublished, UploadStore } from "../upload-store.ts";

export function addUpload(
  store: PerCall<UploadStore>,
  blobs: BlobStore,
  media: Media,
  ids: Ids,
  jobs: Jobs,
  { maxProcessingMs, maxUnpublishedBytes }: { maxProcessingMs: number; maxUnpublishedBytes: number },
): Handlers<typeof VideoService>["addUpload"] {
  return async ({ staged, sha256, sizeBytes, address }, call) => {
    const ownerId = requireCaller(call) as UserId;
    try {
      const looking = { signal: call.signal, person: ownerId };
      const info = await blobs.withFile({ staged }, (path) => media.probe(path, looking));
      const cores = availableParallelism();
      refuseTooHeavy(info, { maxShortSidePx: firstRenditionShortSidePx, cores, maxMs: maxProcessingMs });
      const freeBytes = await blobs.freeBytes();
      const refuse = ({ own, ofAddress, all }: Unpublished) => {
        if (own + sizeBytes > maxUnpublishedBytes) throw tooMuchUnpublished(maxUnpublishedBytes);
        const most = (freeBytes + sizeBytes + all) * unpublishedShare;
        if (ofAddress + sizeBytes > most * addressShare) throw refusal("ADDRESS_UNPUBLISHED_TOO_MUCH");
        if (all + sizeBytes > most) throw refusal("DISK_FULL");
      };
      const id = ids.next() as UploadId;
      // Under a name that is never served: else a client that knows the content could ask for it before it is
      // published.
      const sourceKey = blobKey("source", sha256, "bin");
      await store(call)
        .addUpload({ id, ownerId, address, sourceKey, sizeBytes, info }, refuse)
        .catch(endOfSession);
      await blobs.commit(staged, sourceKey);
      if (!(await store.lasting.keepsBlob(id, sourceKey, jobs))) throw accountDeleted();
      const { durationMs, width, height, notices } = info;
      return { id, sizeBytes, durationMs, width, height, notices };
    } finally {
      await blobs.discard(staged);
    }
  };
}
