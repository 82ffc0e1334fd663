import { resolve } from "node:path";
import { refusal } from "#contracts/reasons.ts";
import type { BackupTarget } from "#platform/backup/backup-target.ts";
import { folderTarget } from "#platform/backup/folder-target.ts";
import { s3Target } from "#platform/backup/s3-target.ts";
import { s3Client } from "#platform/s3/s3-client.ts";
import type { Config } from "../config.ts";
import { s3Options } from "../open-blobs.ts";

/** `DIR` or `s3://bucket/prefix`, in the S3 of the settings; else where these say. Errors: ARGUMENT_INVALID, STORE_SETTINGS_MISSING. */
export function openTarget(config: Config, given: unknown, option: string): BackupTarget {
  const where = given ?? config.backupTo;
  if (typeof where !== "string" || where === "")
    throw refusal("ARGUMENT_INVALID", `Say where: ${option}=DIR or ${option}=s3://bucket/prefix.`);
  if (!where.startsWith("s3:")) return folderTarget(resolve(where));
  const [, bucket, prefix] =
    /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/([\w.-]+(?:\/[\w.-]+)*)\/?$/.exec(where) ?? [];
  // What is unfinished below the prefix is removed: it must be nobody else's.
  if (!bucket || !prefix)
    throw refusal("ARGUMENT_INVALID", `${option} is a folder, or like s3://bucket/prefix, with a prefix.`);
  return s3Target(s3Client(s3Options({ ...config, s3Bucket: bucket })), bucket, `${prefix}/`);
}
