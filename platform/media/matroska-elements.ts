import type { FileHandle } from "node:fs/promises";
import type { Crop } from "./media-tool.ts";

export interface MatroskaLayout {
  /** The file ends before its segment does. */
  truncated: boolean;
  /** The visible part of each video track, in the order of all tracks; null: everything. */
  crops: (Crop | null)[];
}

const SEGMENT = 0x18538067;
const TRACKS = 0x1654ae6b;
const TRACK = 0xae;
const VIDEO = 0xe0;
const WIDTH = 0xb0;
const HEIGHT = 0xba;
const CROP = { bottom: 0x54aa, top: 0x54bb, left: 0x54cc, right: 0x54dd } as const;
/** Tracks come before the clusters; the search ends after this many elements. */
const MAX_ELEMENTS = 64;
const MAX_TRACKS_BYTES = 256 * 1024;

interface Element {
  id: number;
  from: number;
  /** null: until the end. */
  bytes: number | null;
}

/** Reads the top of a Matroska or WebM file (RFC 9559) and the parts of its tracks that decoders do not report. */
export async function readMatroskaLayout(file: FileHandle, sizeBytes: number): Promise<MatroskaLayout> {
  const nothing = { truncated: false, crops: [] };
  const header = await elementAt(file, 0);
  const segment = header?.bytes != null && (await elementAt(file, header.from + header.bytes));
  if (!segment || segment.id !== SEGMENT) return nothing;
  const truncated = segment.bytes !== null && segment.from + segment.bytes > sizeBytes;
  let at = segment.from;
  for (let seen = 0; seen < MAX_ELEMENTS; seen++) {
    const element = await elementAt(file, at);
    if (element?.bytes == null) break;
    if (element.id === TRACKS) {
      const content = Buffer.alloc(Math.min(element.bytes, MAX_TRACKS_BYTES));
      const { bytesRead } = await file.read(content, 0, content.length, element.from);
      return { truncated, crops: childrenOf(content.subarray(0, bytesRead), TRACK).map(cropOf) };
    }
    at = element.from + element.bytes;
  }
  return { truncated, crops: [] };
}

function cropOf(track: Buffer): Crop | null {
  const [video] = childrenOf(track, VIDEO);
  if (!video) return null;
  const number = (id: number) => {
    const [value] = childrenOf(video, id);
    return value && value.length > 0 && value.length <= 6 ? value.readUIntBE(0, value.length) : 0;
  };
  const [left, top] = [number(CROP.left), number(CROP.top)];
  const width = number(WIDTH) - left - number(CROP.right);
  const height = number(HEIGHT) - top - number(CROP.bottom);
  const cropped = width < number(WIDTH) || height < number(HEIGHT);
  return cropped && width > 0 && height > 0 ? { x: left, y: top, width, height } : null;
}

function childrenOf(content: Buffer, id: number): Buffer[] {
  const found: Buffer[] = [];
  for (let at = 0; at < content.length; ) {
    const element = readElement(content.subarray(at), at);
    if (!element) break;
    const end = element.bytes === null ? content.length : element.from + element.bytes;
    if (element.id === id) found.push(content.subarray(element.from, end));
    at = end;
  }
  return found;
}

async function elementAt(file: FileHandle, at: number): Promise<Element | null> {
  const { buffer, bytesRead } = await file.read(Buffer.alloc(12), 0, 12, at);
  return readElement(buffer.subarray(0, bytesRead), at);
}

/** An id of up to 4 bytes and a size of up to 8; their leading zeros encode the length (RFC 8794, 4). */
function readElement(bytes: Buffer, at: number): Element | null {
  const idBytes = Math.clz32(bytes[0] ?? 0) - 23;
  const sizeBytes = Math.clz32(bytes[idBytes] ?? 0) - 23;
  if (idBytes > 4 || sizeBytes > 8 || bytes.length < idBytes + sizeBytes) return null;
  const head = bytes.subarray(idBytes, idBytes + sizeBytes);
  let size = head[0]! & (0xff >> sizeBytes);
  let unknown = size === 0xff >> sizeBytes;
  for (const byte of head.subarray(1)) {
    size = size * 256 + byte;
    unknown &&= byte === 0xff;
  }
  return { id: bytes.readUIntBE(0, idBytes), from: at + idBytes + sizeBytes, bytes: unknown ? null : size };
}
