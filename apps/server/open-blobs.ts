import { join } from "node:path";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import { diskBlobStore } from "#platform/blob/disk-blob-store.ts";
import type { Config } from "./config.ts";

/** Where videos and pictures are: in the data folder. */
export function openBlobs({ dataDir }: Config): Promise<BlobStore> {
  return diskBlobStore(join(dataDir, "blobs"));
}
