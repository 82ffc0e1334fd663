/** Containers that are accepted, under our names; the demuxer for each is in rules.ts. */
export type VideoContainer = "mp4" | "matroska" | "avi" | "flv" | "mpegts" | "mpegps";
export type PictureFormat = "jpeg" | "png" | "webp" | "gif";

/** How many first bytes are enough to sniff. */
export const SNIFF_BYTES = 576;

const TS_PACKET_BYTES = 188;
/** Brands of the MP4 family that are pictures or sound, not video. */
const OTHER_BRANDS = new Set([
  ...["heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "mif1", "msf1", "avif", "avis"],
  ...["crx ", "M4A ", "M4B ", "M4P "],
]);
/** First boxes of QuickTime files older than the `ftyp` box. */
const OLD_QUICKTIME = new Set(["moov", "mdat", "wide"]);

/** Tells from the first bytes of a file (see SNIFF_BYTES) which video container it claims to be, if any. */
export function sniffVideo(first: Uint8Array): VideoContainer | null {
  const box = latin(first, 4, 8);
  if (box === "ftyp") return OTHER_BRANDS.has(latin(first, 8, 12)) ? null : "mp4";
  if (OLD_QUICKTIME.has(box)) return "mp4";
  if (startsWith(first, [0x1a, 0x45, 0xdf, 0xa3])) return "matroska";
  if (latin(first, 0, 4) === "RIFF" && latin(first, 8, 11) === "AVI") return "avi";
  if (latin(first, 0, 3) === "FLV" && first[3] === 1) return "flv";
  if (startsWith(first, [0, 0, 1, 0xba])) return "mpegps";
  const isTransportStream =
    first.length > 2 * TS_PACKET_BYTES &&
    [0, 1, 2].every((packet) => first[packet * TS_PACKET_BYTES] === 0x47);
  return isTransportStream ? "mpegts" : null;
}

/** Tells from the first 12 bytes which picture format a file claims to be, if any that is accepted. */
export function sniffPicture(first: Uint8Array): PictureFormat | null {
  if (startsWith(first, [0xff, 0xd8, 0xff])) return "jpeg";
  if (startsWith(first, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) return "png";
  if (latin(first, 0, 4) === "RIFF" && latin(first, 8, 12) === "WEBP") return "webp";
  if (latin(first, 0, 6) === "GIF87a" || latin(first, 0, 6) === "GIF89a") return "gif";
  return null;
}

function startsWith(bytes: Uint8Array, prefix: number[]): boolean {
  return prefix.every((byte, at) => bytes[at] === byte);
}

function latin(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, to));
}
