import { randomUUID } from "node:crypto";
import { type FileHandle, open, readFile, rm, writeFile } from "node:fs/promises";
import { readFirst } from "./file-steps.ts";
import { heifFilters, readHeif, type Tiles as StoredTiles, writeStream } from "./heif.ts";
import type { PictureFormat, PostPictureFormat } from "./magic.ts";
import type { MediaEngine, Run, SourceFile, Upright } from "./media-engine.ts";
import type { PictureSize } from "./media-tool.ts";
import { PICTURE_HEADER_BYTES, type PictureHeader, readExif, readPictureHeader } from "./picture-header.ts";
import { drawnSize, opaqueFilter, pictureFilter } from "./plan.ts";
import { refusals } from "./refusals.ts";
import { PICTURE_DEMUXERS } from "./rules.ts";

/** A picture as engines read it. */
export interface ReadablePicture {
  source: SourceFile;
  header: PictureHeader;
  /** HEIC and AVIF. */
  tiles: (Tiles & PictureColours) | null;
}

/** How many pictures of which size a source has, and what puts them together. */
export interface Tiles extends PictureSize {
  source: SourceFile;
  count: number;
  filters: string[];
}

interface PictureColours {
  profile: Buffer | null;
  /** Brightness above the standard range, which is mapped into it. */
  hdr: { peakNits: number } | null;
  /** How opaque each pixel is. */
  alpha: (Tiles & { premultiplied: boolean }) | null;
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
  const written: string[] = [];
  const demuxer = PICTURE_DEMUXERS[format];
  async function tilesOf(stored: StoredTiles): Promise<Tiles> {
    const stream = `${scratch}.${randomUUID()}.stream`;
    written.push(stream);
    await writeStream(handle, stored, stream);
    const { codec, columns, rows, tile } = stored;
    const source = { path: stream, demuxer: PICTURE_DEMUXERS[codec === "av1" ? "avif" : "heic"] };
    return { source, count: columns * rows, ...tile, filters: heifFilters(stored) };
  }
  try {
    const first = await readFirst(handle, PICTURE_HEADER_BYTES);
    if (format === "heic" || format === "avif") {
      const heif = await readHeif(handle, first);
      accept(heif);
      const { profile, hdr, width, height, upright } = heif;
      const alpha = heif.alpha && { ...(await tilesOf(heif.alpha)), premultiplied: heif.alpha.premultiplied };
      const tiles = { ...(await tilesOf(heif)), profile, hdr, alpha };
      return await use({ source: tiles.source, header: { width, height, upright }, tiles });
    }
    const header = readPictureHeader(format, first);
    if (!header) throw refusals.pictureDamaged();
    accept(header);
    const upright = format === "png" ? uprightOfPng(first) : await uprightOfWebp(format, first, handle);
    const source = { path, demuxer };
    return await use({ source, header: { ...header, upright: upright ?? header.upright }, tiles: null });
  } finally {
    await handle.close();
    for (const stream of written) await rm(stream, { force: true });
  }
}

/** Draws it into a box, as a JPEG: tiles are put together first, and what is see-through becomes white. */
export async function drawPicture(
  engine: Pick<MediaEngine, "still">,
  format: PictureFormat | PostPictureFormat,
  { source, stream, header, tiles }: ReadablePicture & { stream: number },
  box: Parameters<typeof pictureFilter>[2],
  output: string,
  run: Run,
): Promise<void> {
  const filter = pictureFilter(format, header, box, tiles?.hdr);
  const filters = [...(tiles?.filters ?? []), filter].join(",");
  const still = { source, stream, atMs: 0, filter: filters, ofAll: (tiles?.count ?? 1) > 1 };
  if (!tiles?.alpha) return engine.still({ ...still, output }, run);
  // An engine reads one source: the colours and the other picture become one, of two JPEGs.
  const { alpha } = tiles;
  const [colours, both] = [`${output}.${randomUUID()}.jpg`, `${output}.${randomUUID()}.jpg`];
  try {
    await engine.still({ ...still, output: colours }, run);
    await engine.still(
      {
        ...{ source: alpha.source, stream: 0, atMs: 0, ofAll: alpha.count > 1, output: both },
        filter: [...alpha.filters, "format=gray", pictureFilter(format, header, box)].join(","),
      },
      run,
    );
    await writeFile(both, Buffer.concat([await readFile(colours), await readFile(both)]));
    await engine.still(
      {
        source: { path: both, demuxer: PICTURE_DEMUXERS.jpeg },
        ...{ stream: 0, atMs: 0, ofAll: true, output },
        filter: opaqueFilter(drawnSize(header, box).fitted, alpha.premultiplied),
      },
      run,
    );
  } finally {
    for (const part of [colours, both]) await rm(part, { force: true });
  }
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
