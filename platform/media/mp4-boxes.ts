import type { FileHandle } from "node:fs/promises";

export interface Mp4Layout {
  hasIndex: boolean;
  /** `moov` comes before the first `mdat`. */
  fastStart: boolean;
  /** The last box is longer than what there is of the file. */
  truncated: boolean;
  fragmented: boolean;
  /** Boxes that describe the recording (place, device, edits) beside what is needed to play it. */
  hasDescription: boolean;
}

interface Box {
  type: string;
  /** Where its content starts and where it ends. */
  from: number;
  end: number;
}

/** More boxes than a recording of some hours in fragments of a second has. */
const MAX_BOXES = 100_000;
const DESCRIPTIONS = new Set(["udta", "meta", "uuid"]);
/** The `udta` that ffmpeg writes when there is nothing to say: a list of no entries. */
const EMPTY_DESCRIPTION = Buffer.from(
  `\0\0\0\x35meta\0\0\0\0\0\0\0\x21hdlr${"\0".repeat(8)}mdirappl${"\0".repeat(9)}\0\0\0\x08ilst`,
  "latin1",
);

/** Reads the top-level boxes of an ISO base media file (ISO/IEC 14496-12, 4.2) and two levels of its index. */
export async function readMp4Layout(file: FileHandle, sizeBytes: number): Promise<Mp4Layout> {
  const boxes = await readBoxes(file, 0, sizeBytes);
  const index = boxes.findIndex((box) => box.type === "moov");
  const data = boxes.findIndex((box) => box.type === "mdat");
  const moov = boxes[index];
  const described = [...boxes];
  if (moov && moov.end <= sizeBytes) {
    const children = await readBoxes(file, moov.from, moov.end);
    described.push(...children);
    for (const track of children.filter((box) => box.type === "trak"))
      described.push(...(await readBoxes(file, track.from, track.end)));
  }
  return {
    hasIndex: index >= 0,
    fastStart: index >= 0 && (data < 0 || index < data),
    truncated: boxes.some((box) => box.end > sizeBytes),
    fragmented: boxes.some((box) => box.type === "moof"),
    hasDescription: await anyOf(described, (box) => describes(file, box)),
  };
}

async function describes(file: FileHandle, box: Box): Promise<boolean> {
  if (!DESCRIPTIONS.has(box.type)) return false;
  if (box.end - box.from !== EMPTY_DESCRIPTION.length) return true;
  const { buffer } = await file.read(
    Buffer.alloc(EMPTY_DESCRIPTION.length),
    0,
    EMPTY_DESCRIPTION.length,
    box.from,
  );
  return !buffer.equals(EMPTY_DESCRIPTION);
}

async function anyOf<T>(items: T[], test: (item: T) => Promise<boolean>): Promise<boolean> {
  for (const item of items) if (await test(item)) return true;
  return false;
}

async function readBoxes(file: FileHandle, from: number, end: number): Promise<Box[]> {
  const boxes: Box[] = [];
  const header = Buffer.alloc(16);
  let at = from;
  while (at + 8 <= end && boxes.length < MAX_BOXES) {
    await file.read(header, 0, 16, at);
    const size32 = header.readUInt32BE(0);
    const size = size32 === 0 ? end - at : size32 === 1 ? Number(header.readBigUInt64BE(8)) : size32;
    const headerBytes = size32 === 1 ? 16 : 8;
    if (size < headerBytes) break;
    boxes.push({ type: header.toString("latin1", 4, 8), from: at + headerBytes, end: at + size });
    at += size;
  }
  return boxes;
}
