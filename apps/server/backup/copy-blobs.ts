import { setTimeout as delay } from "node:timers/promises";
import type { BackupTarget } from "#platform/backup/backup-target.ts";
import { blobPath, storedBlobBytes, writeBlob } from "#platform/backup/parts.ts";
import type { BlobStore } from "#platform/blob/blob-store.ts";
import type { Progress } from "#platform/module/module.ts";
import type { Databases } from "../open-databases.ts";
import { type Used, usedIn } from "../used-blobs.ts";

const copiedAtOnce = 4;
/** A use is recorded before its file is put in place, which takes so long at most: what is not there is looked for again. */
const placedWithinMs = [500, 2_000, 5_000];

interface Options {
  secret: string;
  /** Those that are there, with their sizes; it grows. */
  copied: Map<string, number>;
  show: Progress;
  /** Refuses when there is no room for so many bytes more. */
  room(bytes: number): Promise<void>;
}

/** Copies what the target does not have yet; returns a line for each that is used and cannot be copied. */
export async function copyBlobs(
  databases: Databases,
  blobs: BlobStore,
  target: BackupTarget,
  { secret, copied, show, room }: Options,
): Promise<string[]> {
  let [done, total] = [0, 0];
  for await (const page of usedIn(databases)) total += page.length;
  let missing: Used[] = [];
  const damaged: string[] = [];
  for await (const page of usedIn(databases)) {
    const waiting = page.filter(({ key }) => !copied.has(key));
    done += page.length - waiting.length;
    await copyAll(waiting, () => show("files", ++done, Math.max(done, total)));
  }
  for (const pauseMs of placedWithinMs) {
    if (missing.length === 0) break;
    await delay(pauseMs);
    const again = missing;
    missing = [];
    await copyAll(again);
  }
  return [...damaged, ...missing.map((used) => lineOf("MISSING", used))];

  async function copyAll(waiting: Used[], onOne = () => {}): Promise<void> {
    await Promise.all(
      Array.from({ length: copiedAtOnce }, async () => {
        for (let used = waiting.pop(); used; used = waiting.pop()) {
          const problem = await copy(used.key);
          // Or it was deleted since the page was read.
          if (problem && (await used.uses.hold(used.db, used.key, async (isUsed) => isUsed))) {
            if (problem === "MISSING") missing.push(used);
            else damaged.push(lineOf(problem, used));
          }
          onOne();
        }
      }),
    );
  }

  async function copy(key: string): Promise<"MISSING" | "DAMAGED" | undefined> {
    const sha256 = sha256Of(key);
    const sizeBytes = await blobs.size(key);
    if (sizeBytes === undefined) return "MISSING";
    if ((await target.size(blobPath(sha256, secret))) !== storedBlobBytes(sizeBytes, secret)) {
      await room(sizeBytes);
      const source = blobs.read(key) as AsyncIterable<Buffer>;
      const isWhole = await writeBlob(target, sha256, source, { secret, sizeBytes }).catch((error) => {
        if (error.code === "ENOENT") return undefined;
        throw error;
      });
      if (!isWhole) return isWhole === false ? "DAMAGED" : "MISSING";
    }
    copied.set(key, sizeBytes);
    return undefined;
  }
}

const lineOf = (problem: string, { key, usedBy }: Used) =>
  `${problem} ${key} of ${usedBy}: it is not in the backup`;

/** Blobs are named by their content. */
export const sha256Of = (key: string) => key.slice(key.indexOf("/") + 1, key.indexOf("."));
