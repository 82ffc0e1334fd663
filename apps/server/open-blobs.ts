import { existsSync } from "node:fs";
import { join } from "node:path";
import { refusal } from "#contracts/reasons.ts";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import { bothBlobStores } from "#platform/blob/both-blob-stores.ts";
import { diskBlobStore } from "#platform/blob/disk-blob-store.ts";
import { s3BlobStore } from "#platform/blob/s3-blob-store.ts";
import { severalDisks } from "#platform/blob/several-disks.ts";
import type { Part } from "#platform/observe/degraded.ts";
import { type S3Options, s3Client } from "#platform/s3/s3-client.ts";
import type { Config } from "./config.ts";

/** One of the places where blobs can be, for whoever moves them. */
export interface BlobPlace {
  name: string;
  blobs: BlobStore;
}

/** Which disks there were, in the data folder. */
const knownDisksFile = "blob-disks.json";
/** The modules that receive files, and those that work on them. */
const handling = ["gateway", "user", "video"];

/**
 * Where videos and pictures are: in the data folder, or in an S3. Those of the other one are read too, if there is one.
 * `modules` run in this process. Error: STORE_SETTINGS_MISSING.
 */
export async function openBlobs(
  config: Config,
  modules: readonly string[],
): Promise<{ blobs: BlobStore; places: { disk: BlobPlace; s3?: BlobPlace }; parts: Record<string, Part> }> {
  const dir = join(config.dataDir, "blobs");
  const { disk, name, look: lookAtDisks } = await openDisks(config, dir);
  if (config.blobs === "disk" && config.s3Bucket === "")
    return {
      blobs: disk,
      places: { disk: { name, blobs: disk } },
      parts: lookAtDisks ? { blobs: { look: lookAtDisks, freshMs: 5_000 } } : {},
    };
  const client = s3Client(s3Options(config));
  const handsOver = handling.some((name) => !modules.includes(name));
  const s3 = await s3BlobStore(client, dir, { handsOver, links: config.s3Redirect });
  const look = () =>
    client.look().then(
      () => lookAtDisks?.(),
      () => "BLOBS_UNAVAILABLE: the S3 with videos and pictures is away; see: douya doctor",
    );
  return {
    blobs: config.blobs === "s3" ? bothBlobStores(s3, disk) : bothBlobStores(disk, s3),
    places: { disk: { name, blobs: disk }, s3: { name: `the bucket ${config.s3Bucket}`, blobs: s3 } },
    parts: { blobs: { look, freshMs: 5_000 } },
  };
}

/** One disk, or several; what is in the data folder is read still when it is none of them. */
async function openDisks(
  { blobDirs, dataDir }: Config,
  dir: string,
): Promise<{ disk: BlobStore; name: string; look?: Part["look"] }> {
  if (blobDirs.length === 0) return { disk: await diskBlobStore(dir), name: dir };
  const disks = await severalDisks(blobDirs, join(dataDir, knownDisksFile));
  const look = async () => {
    const away = await disks.away();
    return away.length === 0
      ? undefined
      : `BLOB_DISK_AWAY: the disk with videos and pictures at ${away.join(", ")} is away; see: douya doctor`;
  };
  const disk =
    blobDirs.includes(dir) || !existsSync(dir) ? disks : bothBlobStores(disks, await diskBlobStore(dir));
  return { disk, name: blobDirs.join(", "), look };
}

/** What each disk has, for the doctor. An error says what to mend. */
export async function checkDisks({ blobDirs, dataDir }: Config): Promise<string> {
  const disks = await severalDisks(blobDirs, join(dataDir, knownDisksFile));
  const away = await disks.away();
  if (away.length > 0)
    throw new Error(
      `no disk at ${away.join(", ")}, or another one than before. Mount it again; its files answer 503 until then. If it is lost for good, take it out of DOUYA_BLOB_DIRS, and restore its files from a backup`,
    );
  const gigabytes = Math.floor((await disks.freeBytes()) / 1024 ** 3);
  return `${blobDirs.length} disks are there, with room for ${gigabytes} GB`;
}

/** Error: STORE_SETTINGS_MISSING. */
export function s3Options(config: Config): S3Options {
  const needed = {
    DOUYA_S3_ENDPOINT: config.s3Endpoint,
    DOUYA_S3_BUCKET: config.s3Bucket,
    DOUYA_S3_ACCESS_KEY: config.s3AccessKey,
    DOUYA_S3_SECRET_KEY: config.s3SecretKey,
  };
  const missing = Object.entries(needed).flatMap(([name, value]) => (value === "" ? [name] : []));
  if (missing.length > 0) throw refusal("STORE_SETTINGS_MISSING", { settings: missing.join(", ") });
  return {
    endpoint: config.s3Endpoint,
    publicEndpoint: config.s3PublicEndpoint,
    region: config.s3Region,
    bucket: config.s3Bucket,
    accessKey: config.s3AccessKey,
    secretKey: config.s3SecretKey,
    pathStyle: config.s3PathStyle,
  };
}
