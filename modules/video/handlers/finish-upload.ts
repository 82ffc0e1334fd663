import type { MessageInitShape } from "@bufbuild/protobuf";
import type { UploadSchema } from "#contracts/gen/video_pb.ts";
import type { UploadId, UserId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import type { PerCall } from "#platform/db/database.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import type { ServedCall } from "#platform/rpc/call.ts";
import type { ResumableRow, ResumableStore } from "../resumable-store.ts";
import { takeOver, type UploadParts } from "./add-upload.ts";

/**
 * Takes over a partial file that is whole, or goes on where a process died meanwhile. `hash` says what it is, or throws. A
 * file that is refused is gone.
 */
export async function finishUpload(
  row: ResumableRow,
  hash: () => Promise<string>,
  resumables: PerCall<ResumableStore>,
  parts: UploadParts,
  call: ServedCall,
): Promise<MessageInitShape<typeof UploadSchema>> {
  const { store, blobs, jobs } = parts;
  const [id, ownerId, staged] = [row.id as UploadId, row.owner_id as UserId, row.partial];

  async function takeOrPlace() {
    const finished = await store(call).finished(id, ownerId);
    if (!finished) {
      const [sha256, sizeBytes] = [await hash(), Number(row.size_bytes)];
      const file = { id, ownerId, staged, sha256, sizeBytes, address: row.address };
      return takeOver(file, undefined, parts, call);
    }
    await blobs.commit(staged, finished.sourceKey, Number(row.size_bytes));
    if (!(await store.lasting.keepsBlob(finished.sourceKey, jobs))) throw refusal("UPLOAD_NOT_FOUND");
    return finished.upload;
  }

  const answer = await takeOrPlace().catch(async (error) => {
    // It was cancelled or swept while it was looked at.
    if (error.code === "ENOENT") {
      const noted = await store.lasting.finished(id, ownerId);
      // Nobody else has put it in its place either.
      if (noted && (await blobs.size(noted.sourceKey)) === undefined)
        await store.lasting.withdraw(id, ownerId, jobs);
      throw refusal("UPLOAD_NOT_FOUND");
    }
    if (isForGood(error)) {
      await resumables.lasting.forget(id, ownerId);
      await blobs.discard(staged);
    }
    throw error;
  });
  await resumables.lasting.finish(id, ownerId);
  return answer;
}

/** Whether the file itself was refused, so that asking again would not help. */
function isForGood(error: unknown): boolean {
  if (!(error instanceof DomainError) || error.reason === "UPLOAD_PARTS_WRONG") return false;
  return ["invalid", "too-large"].includes(error.kind);
}
