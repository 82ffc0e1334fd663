import type { PictureFormat } from "./magic.ts";
import type { Upright } from "./media-engine.ts";

export interface PictureHeader {
  /** As stored, before rotation. */
  width: number;
  height: number;
  upright: Upright;
}

/** Camera pictures have thumbnails and profiles before the size. */
export const PICTURE_HEADER_BYTES = 1024 * 1024;

const AS_STORED: Upright = { rotation: 0, mirrored: false };
/** Exif's orientation 1 to 8. */
const EXIF_UPRIGHT: readonly Upright[] = [
  AS_STORED,
  { rotation: 0, mirrored: true },
  { rotation: 180, mirrored: false },
  { rotation: 180, mirrored: true },
  { rotation: 270, mirrored: true },
  { rotation: 90, mirrored: false },
  { rotation: 90, mirrored: true },
  { rotation: 270, mirrored: false },
];

/**
 * Reads size and orientation from the first PICTURE_HEADER_BYTES of a picture without decoding. null if the header is
 * invalid.
 */
export function readPictureHeader(format: PictureFormat, first: Buffer): PictureHeader | null {
  try {
    const header = format === "jpeg" ? readJpeg(first) : { ...readSize(format, first), upright: AS_STORED };
    return header && header.width > 0 && header.height > 0 ? header : null;
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}

function readSize(format: "png" | "gif" | "webp", b: Buffer): { width: number; height: number } {
  if (format === "png") return { width: b.readUInt32BE(16), height: b.readUInt32BE(20) };
  if (format === "gif") return { width: b.readUInt16LE(6), height: b.readUInt16LE(8) };
  const chunk = b.toString("latin1", 12, 16);
  if (chunk === "VP8X") return { width: 1 + b.readUIntLE(24, 3), height: 1 + b.readUIntLE(27, 3) };
  if (chunk === "VP8L") {
    const bits = b.readUInt32LE(21);
    return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >>> 14) & 0x3fff) };
  }
  return { width: b.readUInt16LE(26) & 0x3fff, height: b.readUInt16LE(28) & 0x3fff };
}

/** Walks the segments (ITU-T T.81, annex B) up to the frame header. */
function readJpeg(b: Buffer): PictureHeader | null {
  let upright = AS_STORED;
  let at = 2;
  for (;;) {
    if (b.readUInt8(at) !== 0xff) return null;
    const marker = b.readUInt8(at + 1);
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    const isFrameHeader = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrameHeader) return { width: b.readUInt16BE(at + 7), height: b.readUInt16BE(at + 5), upright };
    const end = at + 2 + b.readUInt16BE(at + 2);
    if (marker === 0xe1 && b.toString("latin1", at + 4, at + 10) === "Exif\0\0")
      upright = readExif(b.subarray(at + 10, end));
    at = end;
  }
}

/** The orientation in a block of Exif. */
export function readExif(tiff: Buffer): Upright {
  try {
    const little = tiff.toString("latin1", 0, 2) === "II";
    const u16 = (at: number) => (little ? tiff.readUInt16LE(at) : tiff.readUInt16BE(at));
    const directory = little ? tiff.readUInt32LE(4) : tiff.readUInt32BE(4);
    for (let entry = 0; entry < u16(directory); entry++) {
      const at = directory + 2 + entry * 12;
      if (u16(at) === 0x0112) return EXIF_UPRIGHT[u16(at + 8) - 1] ?? AS_STORED;
    }
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
  }
  return AS_STORED;
}
