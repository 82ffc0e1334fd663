import { Readable } from "node:stream";
import type { BlobKey, BlobStore } from "./blob-store.ts";

/**
 * New blobs go to `first`; those that are still in `second`, where all were before, are read and removed there. A blob may
 * be moved from one to the other at any moment: what is not there any more is looked for in the other again.
 */
export function bothBlobStores(first: BlobStore, second: BlobStore): BlobStore {
  const isFirst = async (key: BlobKey) => (await first.size(key)) !== undefined;

  async function* bytesOf(key: BlobKey, range: { start: number; end: number } | undefined) {
    const [here, there] = (await isFirst(key)) ? [first, second] : [second, first];
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
    size: async (key) => (await first.size(key)) ?? (await second.size(key)) ?? first.size(key),
    read: (key, range) => Readable.from(bytesOf(key, range), { objectMode: false }),
    async withFile(source, use, signal) {
      const isSecond =
        "key" in source && !(await isFirst(source.key)) && (await second.size(source.key)) !== undefined;
      return (isSecond ? second : first).withFile(source, use, signal);
    },
    sweepStaged: async (olderThanMs, partialOlderThanMs) =>
      (await first.sweepStaged(olderThanMs, partialOlderThanMs)) +
      (await second.sweepStaged(olderThanMs, partialOlderThanMs)),
    ...(first.linkTo && {
      linkTo: async (key, shown) => ((await isFirst(key)) ? first.linkTo!(key, shown) : undefined),
    }),
  };
}

const isMissing = (error: unknown) => (error as NodeJS.ErrnoException).code === "ENOENT";
