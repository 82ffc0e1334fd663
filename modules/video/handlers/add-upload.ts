import { availableParallelism } from "node:os";
import type { MessageInitShape } from "@bufbuild/protobuf";
import { accountDeleted } from "#contracts/deleted-accounts.ts";
import type { UploadSchema, VideoService } from "#contracts/gen/video_pb.ts";
import type { UploadId, UserId } from "#contracts/ids.ts";
import { quotaExceeded } from "#contracts/quota.ts";
import { refusal } from "#contracts/reasons.ts";
import { type BlobKey, type BlobStore, blobKey, roomPerFile } from "#platform/blob/blob-store.ts";
import type { PerCall } from "#platform/db/database.ts";
import type { Ids } from "#platform/ids/snowflake.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import { refuseTooHeavy } from "#platform/media/effort.ts";
import type { Media, MediaInfo, PictureInfo } from "#platform/media/media-tool.ts";
import { claimsPicture } from "#platform/media/post-pictures.ts";
import { requireCaller, type ServedCall } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import { isPicture, toUpload } from "../present-upload.ts";
import { addressShare, endOfSession, firstRenditionShortSidePx, tooMuchUnpublished } from "../rules.ts";
import type { Unpublished, UploadStore } from "../upload-store.ts";

/** What a new file needs to be taken over. */
export interface UploadParts {
  store: PerCall<UploadStore>;
  blobs: BlobStore;
  media: Media;
  jobs: Jobs;
  maxProcessingMs: number;
  maxUnpublishedBytes: number;
  /** What a person may keep; 0: no limit. */
  quotaBytes: number;
}

/** What is asked while nobody else can be promised room. */
type Refuse = (unpublished: Unpublished) => Promise<void>;
type RefuseBesideOthers = (unpublished: Omit<Unpublished, "kept">) => Promise<void>;

/** Refuses what its owner, its address or the disk has no room for. */
export function roomFor(
  file: { sizeBytes: number; placedBytes: number },
  parts: Pick<UploadParts, "blobs" | "maxUnpublishedBytes" | "quotaBytes">,
): Refuse {
  const others = roomBesideOthers(file, parts);
  return async (unpublished) => {
    const { maxUnpublishedBytes, quotaBytes } = parts;
    if (quotaBytes > 0 && unpublished.kept + file.sizeBytes > quotaBytes)
      throw quotaExceeded(unpublished.kept, quotaBytes);
    if (unpublished.own + file.sizeBytes > maxUnpublishedBytes) throw tooMuchUnpublished(maxUnpublishedBytes);
    await others(unpublished);
  };
}

/** Refuses what its address or the disk has no room for, beside all others. */
export function roomBesideOthers(
  /** How much of it is on the disk, and in none of the others. */
  { sizeBytes, placedBytes }: { sizeBytes: number; placedBytes: number },
  { blobs }: Pick<UploadParts, "blobs">,
): RefuseBesideOthers {
  return async ({ ofAddress, all, placed }) => {
    const most = ((await blobs.freeBytes()) + placed + placedBytes) / roomPerFile;
    // The first of an address may be as large as the disk allows.
    if (ofAddress > 0 && ofAddress + sizeBytes > most * addressShare)
      throw refusal("ADDRESS_UNPUBLISHED_TOO_MUCH");
    if (all + sizeBytes > most) throw refusal("DISK_FULL");
  };
}

/** Looks at a picture, or probes a video; refuses what is neither, or would take too long. */
export async function lookAt(
  file: { staged: string } | { key: BlobKey },
  ownerId: UserId,
  { blobs, media, maxProcessingMs }: UploadParts,
  call: ServedCall,
): Promise<MediaInfo | PictureInfo> {
  const looking = { signal: call.signal, person: ownerId };
  const look = async (path: string) =>
    (await claimsPicture(path)) ? media.pictureInfo(path, looking) : media.probe(path, looking);
  const info = await blobs.withFile(file, look, call.signal);
  if (isPicture(info)) return info;
  const cores = availableParallelism();
  refuseTooHeavy(info, { maxShortSidePx: firstRenditionShortSidePx, cores, maxMs: maxProcessingMs });
  return info;
}

/** Probes a staged file and makes it the upload `id`; repeated, it goes on where it was. */
export async function takeOver(
  file: { id: UploadId; ownerId: UserId; staged: string; sha256: string; sizeBytes: number; address: string },
  /** Undefined for what came in pieces: it was asked for each of them. */
  refuse: Refuse | undefined,
  parts: UploadParts,
  call: ServedCall,
): Promise<MessageInitShape<typeof UploadSchema>> {
  const { store, blobs, jobs } = parts;
  const { id, ownerId, staged, sha256, sizeBytes, address } = file;
  const info = await lookAt({ staged }, ownerId, parts, call);
  // Under a name that is never served: else a client that knows the content could ask for it before it is published.
  const sourceKey = blobKey("source", sha256, "bin");
  await store(call)
    .addUpload({ id, ownerId, address, sourceKey, sizeBytes, info, resumable: !refuse }, refuse)
    .catch(endOfSession);
  await blobs.commit(staged, sourceKey, sizeBytes).catch(async (error) => {
    // It would take its owner's room, and nobody knows its id. What came in pieces goes on here.
    if (refuse) await store.lasting.withdraw(id, ownerId, jobs).catch(() => {});
    throw error;
  });
  if (!(await store.lasting.keepsBlob(sourceKey, jobs))) throw accountDeleted();
  return toUpload(id, sizeBytes, info);
}

export function addUpload(parts: UploadParts, ids: Ids): Handlers<typeof VideoService>["addUpload"] {
  return async ({ staged, sha256, sizeBytes, address }, call) => {
    const ownerId = requireCaller(call) as UserId;
    const id = ids.next() as UploadId;
    try {
      const refuse = roomFor({ sizeBytes, placedBytes: sizeBytes }, parts);
      const file = { id, ownerId, staged, sha256, sizeBytes, address };
      return await takeOver(file, refuse, parts, call);
    } finally {
      await parts.blobs.discard(staged);
    }
  };
}
