import { createHash, randomBytes, randomInt, timingSafeEqual } from "node:crypto";
import type { VideoService } from "#contracts/gen/video_pb.ts";
import type { UploadId, UserId } from "#contracts/ids.ts";
import { refusal } from "#contracts/reasons.ts";
import { type BlobKey, type BlobStore, blobKey } from "#platform/blob/blob-store.ts";
import type { PerCall } from "#platform/db/database.ts";
import type { Ids } from "#platform/ids/snowflake.ts";
import { requireCaller } from "#platform/rpc/call.ts";
import type { Handlers } from "#platform/rpc/service.ts";
import type { KnownFileStore } from "../known-file-store.ts";
import { toUpload } from "../present-upload.ts";
import { challengeLifetimeMs, endOfSession } from "../rules.ts";
import { lookAt, roomFor, type UploadParts } from "./add-upload.ts";

type Names = "challengeKnownFile" | "proveKnownFile";

const rangeCount = 16;
const rangeBytes = 4096;
/** Of one person, who may ask for some files at once. */
const maxChallenges = 16;

/** A file that is here already becomes an upload of whoever proves to have it: knowing its hash is not having it. */
export function knownFiles(
  known: PerCall<KnownFileStore>,
  parts: UploadParts,
  ids: Ids,
): Pick<Handlers<typeof VideoService>, Names> {
  const { store, blobs, jobs } = parts;

  return {
    async challengeKnownFile({ sha256, sizeBytes }, call) {
      const ownerId = requireCaller(call) as UserId;
      if (!/^[0-9a-f]{64}$/.test(sha256) || !Number.isSafeInteger(sizeBytes) || sizeBytes < 1)
        throw refusal("UPLOAD_UNKNOWN");
      const sourceKey = blobKey("source", sha256, "bin");
      const challenge = randomBytes(32).toString("base64url");
      const ranges = someRanges(sizeBytes);
      // The same work for a file that is here and for one that is not, so that both answers take the same time.
      const isKnown = await known(call).isUsed(sourceKey);
      const isPlaced = (await blobs.size(sourceKey)) === sizeBytes;
      const asked = { challenge, sourceKey, sizeBytes, ranges };
      await known(call).add(ownerId, asked, maxChallenges).catch(endOfSession);
      if (!isKnown || !isPlaced) throw refusal("UPLOAD_UNKNOWN");
      return { challenge, ranges: ranges.map(([from, to]) => ({ from, to })) };
    },

    async proveKnownFile({ challenge, proof, address }, call) {
      const ownerId = requireCaller(call) as UserId;
      const isOne = /^[\w-]{43}$/.test(challenge);
      const asked = isOne && (await known(call).take(ownerId, challenge, challengeLifetimeMs));
      if (!asked) throw refusal("UPLOAD_UNKNOWN");
      const { source_key: sourceKey, ranges } = asked;
      const sizeBytes = Number(asked.size_bytes);
      const isPlaced = async () => (await blobs.size(sourceKey)) === sizeBytes;
      const right = await digestOf(challenge, ranges, sourceKey, blobs).catch(unlessRemoved);
      const shown = Buffer.from(proof, "hex");
      if (shown.length !== right.length || !timingSafeEqual(shown, right)) throw refusal("UPLOAD_UNKNOWN");
      const refuse = roomFor({ sizeBytes, placedBytes: 0 }, parts);
      const info = await lookAt({ key: sourceKey }, ownerId, parts, call).catch(async (error) => {
        throw (await isPlaced()) ? error : refusal("UPLOAD_UNKNOWN");
      });
      const id = ids.next() as UploadId;
      await store(call)
        .addUpload({ id, ownerId, address, sourceKey, sizeBytes, info, isKnown: true }, refuse)
        .catch(endOfSession);
      // It is used, so it is not removed any more; who used it first may not have put it in its place yet.
      if (!(await isPlaced())) {
        await store.lasting.withdraw(id, ownerId, jobs);
        throw refusal("UPLOAD_UNKNOWN");
      }
      return toUpload(id, sizeBytes, info);
    },
  };
}

/** One place at random in each part of the file, from its first byte to the one before its last; small files are asked for whole. */
function someRanges(sizeBytes: number): [from: number, to: number][] {
  if (sizeBytes <= rangeCount * rangeBytes) return [[0, sizeBytes]];
  const startOf = (part: number) => Math.floor((sizeBytes / rangeCount) * part);
  return Array.from({ length: rangeCount }, (_, part) => {
    const from = anyOf(startOf(part), startOf(part + 1) - rangeBytes);
    return [from, from + rangeBytes];
  });
}

/** A number from the first to the last, both included; `randomInt` takes 48 bits at most. */
function anyOf(first: number, last: number): number {
  return first + randomInt(Math.min(last - first + 1, 2 ** 48 - 1));
}

async function digestOf(
  challenge: string,
  ranges: [from: number, to: number][],
  key: BlobKey,
  blobs: Pick<BlobStore, "read">,
): Promise<Buffer> {
  const hash = createHash("sha256").update(challenge);
  for (const [from, to] of ranges)
    for await (const chunk of blobs.read(key, { start: from, end: to - 1 })) hash.update(chunk);
  return hash.digest();
}

/** It may have been removed since the question. */
function unlessRemoved(error: NodeJS.ErrnoException): never {
  throw error.code === "ENOENT" ? refusal("UPLOAD_UNKNOWN") : error;
}
