import { open } from "node:fs/promises";
import { type BlobKey, type BlobStore, blobKey, type Staged } from "#platform/blob/blob-store.ts";
import type { Media, RunOptions } from "#platform/media/media-tool.ts";
import { PICTURE_HEADER_BYTES, readPictureHeader } from "#platform/media/picture-header.ts";
import type { Picture } from "./message-row.ts";

/** As large as a phone or a desk shows it, and in the conversation. */
const largePx = 1600;
const smallPx = 480;

/**
 * Clean JPEGs in two sizes, of a file that was sent and is removed. `hold` comes before they are put in their place. Errors:
 * those of Media.
 */
export async function drawPicture(
  blobs: BlobStore,
  media: Media,
  staged: string,
  hold: (keys: BlobKey[]) => Promise<void>,
  options: RunOptions,
): Promise<Picture> {
  const made: string[] = [];
  async function draw(path: string, sidePx: number) {
    const drawn = await blobs.stagingPath("jpg");
    made.push(drawn.name);
    await media.picture(path, drawn.path, { maxWidthPx: sidePx, maxHeightPx: sidePx, ...options });
    return drawn;
  }
  try {
    const large = await blobs.withFile({ staged }, (path) => draw(path, largePx), options.signal);
    const small = await draw(large.path, smallPx);
    const size = await sizeOf(large.path);
    const key = keyOf(await blobs.adopt(large.name));
    const small_key = keyOf(await blobs.adopt(small.name));
    await hold([key, small_key]);
    await blobs.commit(large.name, key);
    await blobs.commit(small.name, small_key);
    return { key, small_key, ...size };
  } finally {
    for (const name of [staged, ...made]) await blobs.discard(name);
  }
}

const keyOf = ({ sha256 }: Staged) => blobKey("message", sha256, "jpg");

async function sizeOf(path: string): Promise<{ width: number; height: number }> {
  const file = await open(path);
  try {
    const first = Buffer.alloc(PICTURE_HEADER_BYTES);
    const { bytesRead } = await file.read(first, 0, first.length, 0);
    const { width, height } = readPictureHeader("jpeg", first.subarray(0, bytesRead))!;
    return { width, height };
  } finally {
    await file.close();
  }
}
