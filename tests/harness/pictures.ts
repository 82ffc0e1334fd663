import { randomBytes } from "node:crypto";
import { crc32, deflateSync } from "node:zlib";
import { heifOfTiles } from "#platform/testing/heif-file.ts";
import { clip } from "./clips.ts";

type Rgb = readonly [number, number, number];

/** What a camera tells of the place, as ASCII, so that a test finds it again. */
export const tellsThePlace = "52.5163N 13.3777E in front of the gate";

/** A PNG whose left half is of one colour and whose right half of another; with other bytes each time. */
export function png(
  width: number,
  height: number,
  { left = [255, 255, 255], right = [0, 0, 0], exif }: { left?: Rgb; right?: Rgb; exif?: Buffer } = {},
): Buffer<ArrayBuffer> {
  const row = Buffer.alloc(1 + width * 3);
  for (let x = 0; x < width; x++) row.set(x < width / 2 ? left : right, 1 + x * 3);
  const rows = deflateSync(Buffer.concat(Array.from({ length: height }, () => row)), { level: 1 });
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", header),
    ...(exif ? [chunk("eXIf", exif)] : []),
    chunk("tEXt", Buffer.concat([Buffer.from("Comment\0"), Buffer.from(randomBytes(8).toString("hex"))])),
    chunk("IDAT", rows),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const typed = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(typed));
  return Buffer.concat([length, typed, check]);
}

/** Exif with an orientation (1 to 8) and a place, big-endian. */
export function exif(orientation: number): Buffer {
  const text = Buffer.from(`${tellsThePlace}\0`, "latin1");
  const gpsAt = 8 + 2 + 2 * 12 + 4;
  const textAt = gpsAt + 2 + 12 + 4;
  const tiff = Buffer.alloc(textAt + text.length);
  const entry = (at: number, tag: number, type: number, count: number, write: (at: number) => void) => {
    tiff.writeUInt16BE(tag, at);
    tiff.writeUInt16BE(type, at + 2);
    tiff.writeUInt32BE(count, at + 4);
    write(at + 8);
  };
  tiff.write("MM\0*", 0, "latin1");
  tiff.writeUInt32BE(8, 4);
  tiff.writeUInt16BE(2, 8);
  entry(10, 0x0112, 3, 1, (at) => tiff.writeUInt16BE(orientation, at));
  // The directory of the place, and in it the name of the area.
  entry(22, 0x8825, 4, 1, (at) => tiff.writeUInt32BE(gpsAt, at));
  tiff.writeUInt16BE(1, gpsAt);
  entry(gpsAt + 2, 0x001c, 7, text.length, (at) => tiff.writeUInt32BE(textAt, at));
  text.copy(tiff, textAt);
  return tiff;
}

/** A small JPEG, bright at its left as stored, as a phone sends it: with Exif, XMP and a comment. */
export function phoneJpeg(orientation: number): Buffer<ArrayBuffer> {
  const file = clip("bright-left.jpg");
  const segment = (marker: number, data: Buffer) => {
    const head = Buffer.from([0xff, marker, 0, 0]);
    head.writeUInt16BE(data.length + 2, 2);
    return Buffer.concat([head, data]);
  };
  const xmp = `http://ns.adobe.com/xap/1.0/\0<x:xmpmeta>${tellsThePlace}</x:xmpmeta>`;
  return Buffer.concat([
    file.subarray(0, 2),
    segment(0xe1, Buffer.concat([Buffer.from("Exif\0\0", "latin1"), exif(orientation)])),
    segment(0xe1, Buffer.from(xmp, "latin1")),
    segment(0xfe, Buffer.concat([Buffer.from(tellsThePlace), randomBytes(8)])),
    file.subarray(2),
  ]);
}

/** A WebP of one picture again and again. */
export function movingWebp(frames: number): Buffer<ArrayBuffer> {
  const riff = (type: string, data: Buffer) => {
    const head = Buffer.alloc(8);
    head.write(type, 0, "latin1");
    head.writeUInt32LE(data.length, 4);
    return Buffer.concat([head, data, Buffer.alloc(data.length % 2)]);
  };
  const still = clip("half.webp").subarray(12);
  const header = Buffer.alloc(10);
  header[0] = 0x02;
  header.writeUIntLE(63, 4, 3);
  header.writeUIntLE(63, 7, 3);
  const place = Buffer.alloc(16);
  place.writeUIntLE(63, 6, 3);
  place.writeUIntLE(63, 9, 3);
  place.writeUIntLE(40, 12, 3);
  const frame = riff("ANMF", Buffer.concat([place, still]));
  const all = Buffer.concat([
    Buffer.from("WEBP"),
    riff("VP8X", header),
    riff("ANIM", Buffer.alloc(6)),
    ...Array.from({ length: frames }, () => frame),
  ]);
  return riff("RIFF", all) as Buffer<ArrayBuffer>;
}

/** A HEIC or AVIF of this many tiles in one row, as the small file `tile` is. */
export function tiled(
  tile: "dark.heic" | "bright-left.avif",
  tiles: number,
  empty = false,
): Buffer<ArrayBuffer> {
  const file = clip(tile);
  if (empty) file.fill(0xff, file.indexOf("mdat", 0, "latin1") + 4);
  const brand = tile.endsWith("heic") ? "heic" : "avif";
  const [width, height] = brand === "heic" ? [64, 64] : [96, 64];
  const columns = Math.min(tiles, 10);
  const rows = Math.ceil(tiles / columns);
  return heifOfTiles({
    ...{ tiles: Array.from({ length: columns * rows }, () => file), columns, rows, brand },
    ...{ width: columns * width, height: rows * height, tileWidth: width, tileHeight: height },
    exif: randomBytes(8),
  });
}

/** A HEIC that claims to be as large. */
export function claiming(width: number, height: number): Buffer<ArrayBuffer> {
  const tiles = Array.from({ length: 4 }, () => clip("dark.heic"));
  const half = { tileWidth: width / 2, tileHeight: height / 2 };
  return heifOfTiles({ tiles, columns: 2, rows: 2, width, height, ...half });
}
