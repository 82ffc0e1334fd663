/** Accepted containers, under our names; the demuxer for each is in rules.ts. */
export type VideoContainer = "mp4" | "matroska" | "avi" | "flv" | "mpegts" | "mpegps";
export type PictureFormat = "jpeg" | "png" | "webp" | "gif";

/** How many first bytes are enough to sniff. */
export const SNIFF_BYTES = 1024;

/** Plain; with an arrival time before each packet (AVCHD, Blu-ray); with error correction after each. */
const TS_PACKET_BYTES = [188, 192, 204];
const TS_SYNC = 0x47;
const TS_LEAST_PACKETS = 3;
/** Brands of the MP4 family that are pictures or sound, not video. */
const OTHER_BRANDS = new Set([
  ...["heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs", "mif1", "msf1", "avif", "avis"],
  ...["crx ", "M4A ", "M4B ", "M4P "],
]);
/** Other first boxes: QuickTime files older than the `ftyp` box, cameras, parts of a stream. */
const FIRST_BOXES = new Set([
  "moov",
  "mdat",
  "wide",
  "free",
  "skip",
  "uuid",
  "pnot",
  "udta",
  "meta",
  "styp",
  "sidx",
]);

/** The video container that the first bytes of a file (see SNIFF_BYTES) claim, if any. */
export function sniffVideo(first: Uint8Array): VideoContainer | null {
  const box = latin(first, 4, 8);
  if (box === "ftyp") return OTHER_BRANDS.has(latin(first, 8, 12)) ? null : "mp4";
  // A text would have a letter in the first byte of the length before these words.
  if (FIRST_BOXES.has(box) && (box === "mdat" || first[0]! < 0x20)) return "mp4";
  if (startsWith(first, [0x1a, 0x45, 0xdf, 0xa3])) return "matroska";
  if (latin(first, 0, 4) === "RIFF" && latin(first, 8, 11) === "AVI") return "avi";
  if (latin(first, 0, 3) === "FLV" && first[3] === 1) return "flv";
  if (startsWith(first, [0, 0, 1, 0xba])) return "mpegps";
  return TS_PACKET_BYTES.some((bytes) => isTransportStream(first, bytes)) ? "mpegts" : null;
}

/** A recording may start in the middle of a packet. */
function isTransportStream(first: Uint8Array, packetBytes: number): boolean {
  for (let from = 0; from < packetBytes; from++) {
    let packets = 0;
    let at = from;
    while (first[at] === TS_SYNC) {
      packets += 1;
      at += packetBytes;
    }
    if (packets >= TS_LEAST_PACKETS && at >= first.length) return true;
  }
  return false;
}

/** The picture of a person or cover that the first bytes of a file (see SNIFF_BYTES) claim, if any. */
export function sniffAnyPicture(first: Uint8Array): PictureFormat | PostPictureFormat | null {
  const format = sniffPicture(first) ?? sniffPostPicture(first);
  return format === "moving" ? null : format;
}

/** The accepted picture format that the first 12 bytes of a file claim, if any. */
function sniffPicture(first: Uint8Array): PictureFormat | null {
  if (startsWith(first, [0xff, 0xd8, 0xff])) return "jpeg";
  if (startsWith(first, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a])) return "png";
  if (latin(first, 0, 4) === "RIFF" && latin(first, 8, 12) === "WEBP") return "webp";
  if (latin(first, 0, 6) === "GIF87a" || latin(first, 0, 6) === "GIF89a") return "gif";
  return null;
}

/** Pictures of posts: what shows one picture, and can be read everywhere that we run. */
export type PostPictureFormat = "jpeg" | "png" | "webp" | "avif" | "heic";
/** Pictures that posts do not take, by what people know them as. */
export type OtherPicture = "gif" | "moving";

const HEIC_BRANDS = new Set(["heic", "heix", "heim", "heis", "mif1"]);
const MOVING_BRANDS = new Set(["avis", "hevc", "hevx", "hevm", "hevs", "msf1"]);
const WEBP_MOVES = 0x02;

/** The picture that the first bytes of a file (see SNIFF_BYTES) claim, if any. */
export function sniffPostPicture(first: Uint8Array): PostPictureFormat | OtherPicture | null {
  const format = sniffPicture(first);
  if (format === "webp" && latin(first, 12, 16) === "VP8X" && first[20]! & WEBP_MOVES) return "moving";
  if (format) return format;
  if (latin(first, 4, 8) !== "ftyp") return null;
  const brand = latin(first, 8, 12);
  if (MOVING_BRANDS.has(brand)) return "moving";
  if (brand === "avif") return "avif";
  if (!HEIC_BRANDS.has(brand)) return null;
  // Some encoders name only the common brand first.
  for (let at = 16; at + 4 <= Math.min(first.length, first[3]!); at += 4)
    if (latin(first, at, at + 4) === "avif") return "avif";
  return "heic";
}

function startsWith(bytes: Uint8Array, prefix: number[]): boolean {
  return prefix.every((byte, at) => bytes[at] === byte);
}

function latin(bytes: Uint8Array, from: number, to: number): string {
  return String.fromCharCode(...bytes.subarray(from, to));
}
