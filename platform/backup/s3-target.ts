import { partBytes, type S3Client } from "../s3/s3-client.ts";
import type { BackupTarget } from "./backup-target.ts";

/** Of the 10,000 that S3 takes, with room for a file that is larger than it was thought to be. */
const mostParts = 5_000;

/** Backups in a bucket, below a prefix (empty, or ending with a slash). */
export function s3Target(s3: S3Client, bucket: string, prefix: string): BackupTarget {
  return {
    name: `s3://${bucket}/${prefix}`.replace(/\/$/, ""),
    async put(path, source, aboutBytes = 0) {
      const key = prefix + path;
      const size = Math.max(partBytes, Math.ceil(aboutBytes / mostParts));
      let sizeBytes = 0;
      let uploadId: string | undefined;
      const etags: string[] = [];
      try {
        for await (const { body, isLast } of inParts(source, size)) {
          sizeBytes += body.length;
          if (isLast && !uploadId) await s3.put(key, body);
          else {
            uploadId ??= await s3.begin(key);
            etags.push(await s3.putPart(key, uploadId, etags.length + 1, body));
          }
        }
        if (uploadId) await s3.complete(key, uploadId, etags);
      } catch (error) {
        if (uploadId) await s3.abort(key, uploadId).catch(() => {});
        throw error;
      }
      return sizeBytes;
    },
    read: (path) => s3.read(prefix + path),
    size: (path) => s3.sizeOf(prefix + path),
    async *list(below) {
      for await (const { key, sizeBytes } of s3.list(prefix + below))
        yield { path: key.slice(prefix.length), sizeBytes };
    },
    remove: (path) => s3.remove(prefix + path),
    async removeUnfinished() {
      for await (const { key, uploadId } of s3.unfinished(prefix)) await s3.abort(key, uploadId);
    },
    freeBytes: async () => undefined,
  };
}

async function* inParts(source: AsyncIterable<Buffer>, size: number) {
  let waiting: Buffer[] = [];
  let bytes = 0;
  for await (const more of source) {
    waiting.push(more);
    bytes += more.length;
    if (bytes <= size) continue;
    let all = Buffer.concat(waiting);
    for (; all.length > size; all = all.subarray(size)) yield { body: all.subarray(0, size), isLast: false };
    waiting = [all];
    bytes = all.length;
  }
  yield { body: Buffer.concat(waiting), isLast: true };
}
