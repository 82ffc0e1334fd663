import { createHash } from "node:crypto";
import { createWriteStream } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { type BlobStore, isBlobKey } from "../blob/blob-store.ts";
import type { ExportedMedia } from "./write-export.ts";

export const mediaDir = "media";

/**
 * Copies blobs into the folder of an export, each once. A file that has its name is whole: what an earlier try has copied
 * stays.
 */
export function exportMedia(dir: string, blobs: BlobStore): ExportedMedia {
  const taken = new Map<string, Promise<number | undefined>>();

  /** Its size; undefined: there is no such blob, or it is not what its name says. */
  async function copy(key: string): Promise<number | undefined> {
    const sizeBytes = isBlobKey(key) ? await blobs.size(key) : undefined;
    if (sizeBytes === undefined) return undefined;
    const path = join(dir, mediaDir, key);
    if ((await sizeOf(path)) === sizeBytes) return sizeBytes;
    await mkdir(dirname(path), { recursive: true });
    const hash = createHash("sha256");
    const partial = `${path}.partial`;
    try {
      await pipeline(
        blobs.read(key),
        async function* (source: AsyncIterable<Buffer>) {
          for await (const chunk of source) {
            hash.update(chunk);
            yield chunk;
          }
        },
        createWriteStream(partial),
      );
    } catch (error) {
      // It was deleted meanwhile.
      if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw error;
    }
    if (!key.includes(`/${hash.digest("hex")}.`)) return undefined;
    await rename(partial, path);
    return sizeBytes;
  }

  function take(key: string): Promise<number | undefined> {
    const before = taken.get(key) ?? copy(key);
    taken.set(key, before);
    return before;
  }

  return {
    async best(keys: readonly string[]): Promise<string | null> {
      for (const key of keys) if ((await take(key)) !== undefined) return `${mediaDir}/${key}`;
      return null;
    },
    /** Removes what is of an earlier try and of no use now. */
    async settle(): Promise<{ files: number; bytes: number }> {
      const sizes = await Promise.all([...taken].map(async ([key, size]) => [key, await size] as const));
      const kept = new Map(sizes.flatMap(([key, size]) => (size === undefined ? [] : [[key, size]])));
      for (const namespace of await namesIn(join(dir, mediaDir)))
        for (const name of await namesIn(join(dir, mediaDir, namespace)))
          if (!kept.has(`${namespace}/${name}`)) await rm(join(dir, mediaDir, namespace, name));
      return { files: kept.size, bytes: [...kept.values()].reduce((sum, size) => sum + size, 0) };
    },
  };
}

async function sizeOf(path: string): Promise<number | undefined> {
  return stat(path).then(
    ({ size }) => size,
    () => undefined,
  );
}

const namesIn = (dir: string): Promise<string[]> => readdir(dir).catch(() => []);
