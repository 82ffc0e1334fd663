import { Readable } from "node:stream";
import { diskBlobStore } from "#platform/blob/disk-blob-store.ts";

/** A separate process for tests: `receive-blob <dir> <bytes>` receives this many bytes and writes the outcome. */
const [dir, bytes] = process.argv.slice(2) as [string, string];
const store = await diskBlobStore(dir);
const ended = await store
  .receive(Readable.from([Buffer.alloc(Number(bytes), 1)]), { maxBytes: 1e9 })
  .then(({ sizeBytes }) => ({ sizeBytes }))
  .catch(({ kind, reason, message }) => ({ kind, reason, message }));
process.stdout.write(JSON.stringify(ended));
