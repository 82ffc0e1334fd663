import { type Api, take } from "../api/client.ts";

/** A smaller file is sent before it is asked for. */
const MIN_BYTES = 16 * 2 ** 20;
/** The browser hashes, beside the page's own thread, what is in memory as a whole; a phone has no room for more. */
const MAX_BYTES = 256 * 2 ** 20;

/** The id of an upload of a file that the server has already; null if it has to be sent, for whatever reason. */
export async function uploadKnown(file: File, api: Api, signal: AbortSignal): Promise<string | null> {
  // A page over plain HTTP cannot hash.
  if (!crypto.subtle || file.size < MIN_BYTES || file.size > MAX_BYTES) return null;
  try {
    const sha256 = await digest(file);
    signal.throwIfAborted();
    const { challenge, ranges } = await take(
      api.POST("/api/v1/uploads/known", { body: { sha256, sizeBytes: file.size }, signal }),
    );
    const parts = ranges.map(([from, to]) => file.slice(from, to));
    const proof = await digest(new Blob([challenge, ...parts]));
    const upload = await take(
      api.POST("/api/v1/uploads/known/proof", { body: { challenge, proof }, signal }),
    );
    return upload.id;
  } catch {
    return null;
  }
}

async function digest(blob: Blob): Promise<string> {
  const bytes = new Uint8Array(await crypto.subtle.digest("SHA-256", await blob.arrayBuffer()));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
