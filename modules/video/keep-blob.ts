import type { VideoId } from "#contracts/ids.ts";
import { type BlobStore, blobKey, type Staged } from "#platform/blob/blob-store.ts";
import { DomainError } from "#platform/errors/domain-error.ts";
import type { Jobs } from "#platform/jobs/jobs.ts";
import type { BlobUseStore } from "./blob-use-store.ts";

/** Deleted by its author while it was being worked on: nothing is left to do. */
export class VideoGone extends Error {}

/** Whether a file was refused: that will repeat, while any other error may be transient. */
export const isRefusalOfFile = (error: unknown): error is DomainError =>
  error instanceof DomainError && ["invalid", "too-large"].includes(error.kind);

/** Makes a staged file a blob that a video uses. Error: VideoGone. */
export async function keepBlob(
  store: BlobUseStore,
  blobs: BlobStore,
  jobs: Jobs,
  id: VideoId,
  namespace: string,
  extension: string,
  staged: Staged,
): Promise<{ key: string; sizeBytes: number }> {
  const key = blobKey(namespace, staged.sha256, extension);
  if (!(await store.claimBlob(key, id))) throw new VideoGone();
  // Outside of a transaction: a store far away may take its time.
  await blobs.commit(staged.name, key, staged.sizeBytes);
  if (!(await store.keepsBlob(key, jobs, id))) throw new VideoGone();
  return { key, sizeBytes: staged.sizeBytes };
}
