import { join } from "node:path";
import { refusal } from "#contracts/reasons.ts";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import { bothBlobStores } from "#platform/blob/both-blob-stores.ts";
import { diskBlobStore } from "#platform/blob/disk-blob-store.ts";
import { s3BlobStore } from "#platform/blob/s3-blob-store.ts";
import type { Part } from "#platform/observe/degraded.ts";
import { type S3Options, s3Client } from "#platform/s3/s3-client.ts";
import type { Config } from "./config.ts";

/** One of the places where blobs can be, for whoever moves them. */
export interface BlobPlace {
  name: string;
  blobs: BlobStore;
}

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
  const disk = await diskBlobStore(dir);
  if (config.blobs === "disk" && config.s3Bucket === "")
    return { blobs: disk, places: { disk: { name: dir, blobs: disk } }, parts: {} };
  const client = s3Client(s3Options(config));
  const handsOver = handling.some((name) => !modules.includes(name));
  const s3 = await s3BlobStore(client, dir, { handsOver, links: config.s3Redirect });
  const look = () =>
    client.look().then(
      () => undefined,
      () => "BLOBS_UNAVAILABLE: the S3 with videos and pictures is away; see: douya doctor",
    );
  return {
    blobs: config.blobs === "s3" ? bothBlobStores(s3, disk) : bothBlobStores(disk, s3),
    places: { disk: { name: dir, blobs: disk }, s3: { name: `the bucket ${config.s3Bucket}`, blobs: s3 } },
    parts: { blobs: { look, freshMs: 5_000 } },
  };
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
    region: config.s3Region,
    bucket: config.s3Bucket,
    accessKey: config.s3AccessKey,
    secretKey: config.s3SecretKey,
    pathStyle: config.s3PathStyle,
  };
}
