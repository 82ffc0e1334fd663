import { Readable } from "node:stream";
import { isDiskAway } from "../errors/no-place.ts";
import type { BlobKey, BlobStore } from "./blob-store.ts";

/**
 * New blobs go to `first`; those that are still in `second`, where all were before, are read and removed there. A blob may
 * be moved from one to the other at any moment: what is not there any more is looked for in the other again.
 */
export function bothBlobStores(first: BlobStore, second: BlobStore): BlobStore {
  /** Error: BLOB_DISK_AWAY, when it may be on a disk of `first` that is away, and is not in `second`. */
  async function find(key: BlobKey): Promise<{ store: BlobStore; sizeBytes: number } | undefined> {
    let away: unknown;
    const sizeBytes = await first.size(key).catch((error) => {
      if (!isDiskAway(error)) throw error;
      away = error;
      return undefined;
    });
    if (sizeBytes !== undefined) return { store: first, sizeBytes };
    const left = await second.size(key);
    if (left !== undefined) return { store: second, sizeBytes: left };
    if (away) throw away;
    const moved = await first.size(key);
    return moved === undefined ? undefined : { store: first, sizeBytes: moved };
  }

  async function* bytesOf(key: BlobKey, range: { start: number; end: number } | undefined) {
    const [here, there] = (await find(key))?.store === second ? [second, first] : [first, second];
    let begun = false;
    try {
      for await (const chunk of here.read(key, range)) {
        begun = true;
        yield chunk;
      }
    } catch (error) {
      if (begun || !isMissing(error)) throw error;
      yield* there.read(key, range);
    }
  }

  return {
    ...first,
    async remove(key) {
      await second.remove(key);
      await first.remove(key);
    },
    size: async (key) => (await find(key))?.sizeBytes,
    read: (key, range) => Readable.from(bytesOf(key, range), { objectMode: false }),
    async withFile(source, use, signal) {
      const found = "key" in source ? await find(source.key) : undefined;
      return (found?.store ?? first).withFile(source, use, signal);
    },
    sweepStaged: async (olderThanMs, partialOlderThanMs) =>
      (await first.sweepStaged(olderThanMs, partialOlderThanMs)) +
      (await second.sweepStaged(olderThanMs, partialOlderThanMs)),
    ...(first.linkTo && {
      linkTo: async (key, shown) =>
        (await find(key))?.store === first ? first.linkTo!(key, shown) : undefined,
    }),
  };
}

const isMissing = (error: unknown) => (error as NodeJS.ErrnoException).code === "ENOENT";
