import { randomUUID } from "node:crypto";
import { type FileHandle, open, rm } from "node:fs/promises";
import { readFirst } from "./file-steps.ts";
import { heifFilters, readHeif, writeStream } from "./heif.ts";
import type { PictureFormat, PostPictureFormat } from "./magic.ts";
import type { SourceFile, Upright } from "./media-engine.ts";
import type { PictureSize } from "./media-tool.ts";
import { PICTURE_HEADER_BYTES, type PictureHeader, readExif, readPictureHeader } from "./picture-header.ts";
import { pictureFilter } from "./plan.ts";
import { refusals } from "./refusals.ts";
import { PICTURE_DEMUXERS } from "./rules.ts";

/** A picture as engines read it. */
export interface ReadablePicture {
  source: SourceFile;
  header: PictureHeader;
  /** HEIC and AVIF: how many pictures of which size the source has, what puts them together, and their colours. */
  tiles: ({ count: number; filters: string[]; profile: Buffer | null } & PictureSize) | null;
}

const AS_STORED: Upright = { rotation: 0, mirrored: false };
/** A WebP has its Exif after the picture; other chunks than these few are rare. */
const MOST_CHUNKS = 32;
const MOST_EXIF_BYTES = 64 * 1024;

/**
 * `accept` sees what the header says before anything has to be decoded. What is written for an engine is beside
 * `scratch`, a staged file, since only the folder of those is swept after a crash; it is gone when `use` has ended. Errors:
 * PICTURE_DAMAGED, PICTURE_UNSUPPORTED.
 */
export async function withPicture<T>(
  path: string,
  scratch: string,
  format: PictureFormat | PostPictureFormat,
  accept: (size: PictureSize) => void,
  use: (picture: ReadablePicture) => Promise<T>,
): Promise<T> {
  const handle = await open(path);
  const stream = `${scratch}.${randomUUID()}.stream`;
  const demuxer = PICTURE_DEMUXERS[format];
  try {
    const first = await readFirst(handle, PICTURE_HEADER_BYTES);
    if (format === "heic" || format === "avif") {
      const heif = await readHeif(handle, first);
      accept(heif);
      await writeStream(handle, heif, stream);
      const { columns, rows, tile, profile, width, height, upright } = heif;
      const tiles = { count: columns * rows, ...tile, profile, filters: heifFilters(heif) };
      return await use({ source: { path: stream, demuxer }, header: { width, height, upright }, tiles });
    }
    const header = readPictureHeader(format, first);
    if (!header) throw refusals.pictureDamaged();
    accept(header);
    const upright = format === "png" ? uprightOfPng(first) : await uprightOfWebp(format, first, handle);
    const source = { path, demuxer };
    return await use({ source, header: { ...header, upright: upright ?? header.upright }, tiles: null });
  } finally {
    await handle.close();
    await rm(stream, { force: true });
  }
}

/** How an engine draws it into a box: tiles are put together first. */
export function drawn(
  format: PictureFormat | PostPictureFormat,
  { header, tiles }: Pick<ReadablePicture, "header" | "tiles">,
  box: Parameters<typeof pictureFilter>[2],
): { atMs: number; filter: string; ofAll: boolean } {
  const filter = [...(tiles?.filters ?? []), pictureFilter(format, header, box)].join(",");
  return { atMs: 0, filter, ofAll: (tiles?.count ?? 1) > 1 };
}

/** The chunk `eXIf`, which precedes the picture. */
function uprightOfPng(first: Buffer): Upright {
  for (let at = 8; at + 8 <= first.length; at += 12 + first.readUInt32BE(at)) {
    const type = first.toString("latin1", at + 4, at + 8);
    if (type === "eXIf") return readExif(first.subarray(at + 8, at + 8 + first.readUInt32BE(at)));
    if (type === "IDAT") break;
  }
  return AS_STORED;
}

/** Undefined for another format, or one without Exif. */
async function uprightOfWebp(
  format: PictureFormat,
  first: Buffer,
  handle: FileHandle,
): Promise<Upright | undefined> {
  if (format !== "webp" || first.toString("latin1", 12, 16) !== "VP8X") return undefined;
  const head = Buffer.alloc(8);
  for (let at = 12, chunks = 0; chunks < MOST_CHUNKS; chunks++) {
    if ((await handle.read(head, 0, 8, at)).bytesRead < 8) return undefined;
    const bytes = head.readUInt32LE(4);
    if (head.toString("latin1", 0, 4) === "EXIF") {
      const exif = Buffer.alloc(Math.min(bytes, MOST_EXIF_BYTES));
      await handle.read(exif, 0, exif.length, at + 8);
      return readExif(exif.toString("latin1", 0, 6) === "Exif\0\0" ? exif.subarray(6) : exif);
    }
    at += 8 + bytes + (bytes % 2);
  }
  return undefined;
}
