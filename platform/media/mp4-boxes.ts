import type { FileHandle } from "node:fs/promises";
import type { Crop } from "./media-tool.ts";
import { refusals } from "./refusals.ts";

export interface Mp4Layout {
  hasIndex: boolean;
  /** A data box is longer than the rest of the file. */
  truncated: boolean;
  /** The end of the last complete fragment; 0 if there is none. */
  wholeBytes: number;
  /** The visible part of each track's picture, in the order of the tracks; null: all of it. */
  crops: (Crop | null)[];
}

interface Box {
  type: string;
  /** Where its content starts and ends. */
  from: number;
  end: number;
}

/** The total cost of one walk, whatever the file contains. */
export interface WalkBounds {
  signal: AbortSignal;
  timeoutMs: number;
}

/** Twice the boxes of a quarter of an hour in fragments of one frame. */
const MAX_BOXES = 250_000;
/** As many streams as libavformat accepts. */
const MAX_TRACKS = 1000;
const WINDOW_BYTES = 32 * 1024;
/** After the last of these, cameras write data that is no box. */
const NEEDED = new Set(["moov", "moof", "mdat"]);
/** The bytes before the boxes in a list of sample descriptions, and in the description of a picture. */
const LIST_HEAD_BYTES = 8;
const PICTURE_HEAD_BYTES = 78;
const CLAP_BYTES = 32;

/**
 * Reads the top-level boxes of an ISO base media file (ISO/IEC 14496-12, 4.2) and how tracks are cropped. Errors:
 * VIDEO_DAMAGED for more boxes than any recording has, MEDIA_TIMEOUT, the signal's reason.
 */
export async function readMp4Layout(
  file: FileHandle,
  sizeBytes: number,
  bounds: WalkBounds,
): Promise<Mp4Layout> {
  const walk = new BoxWalk(file, bounds);
  let truncated = false;
  let wholeBytes = 0;
  let last = "";
  let moov: Box | undefined;
  await walk.each({ from: 0, end: sizeBytes }, (box) => {
    if (box.type === "moov") moov ??= box;
    if (NEEDED.has(box.type) && box.end > sizeBytes) truncated = true;
    else if (box.type === "mdat" && last === "moof") wholeBytes = box.end;
    last = box.type;
  });
  const tracks: Box[] = [];
  if (moov && moov.end <= sizeBytes)
    await walk.each(moov, (box) => {
      if (box.type === "trak" && tracks.push(box) > MAX_TRACKS) throw refusals.videoDamaged();
    });
  const crops: (Crop | null)[] = [];
  for (const track of tracks) crops.push(await readCrop(walk, track));
  return { hasIndex: moov !== undefined, truncated, wholeBytes, crops };
}

/** The clean aperture of a track's first sample description (12.1.4): a size, and the offset of its centre. */
async function readCrop(walk: BoxWalk, track: Box): Promise<Crop | null> {
  let within: Box | undefined = track;
  for (const type of ["mdia", "minf", "stbl", "stsd"]) within = within && (await walk.child(within, type));
  const entry = within && (await walk.child({ ...within, from: within.from + LIST_HEAD_BYTES }, undefined));
  const clap = entry && (await walk.child({ ...entry, from: entry.from + PICTURE_HEAD_BYTES }, "clap"));
  if (!entry || !clap || clap.end - clap.from < CLAP_BYTES) return null;
  const size = await walk.bytes(entry.from, PICTURE_HEAD_BYTES);
  if (size.length < PICTURE_HEAD_BYTES) return null;
  const [storedWidth, storedHeight] = [size.readUInt16BE(24), size.readUInt16BE(26)];
  const numbers = await walk.bytes(clap.from, CLAP_BYTES);
  if (numbers.length < CLAP_BYTES) return null;
  const ratio = (at: number) => numbers.readInt32BE(at) / numbers.readUInt32BE(at + 4);
  const [width, height] = [Math.round(ratio(0)), Math.round(ratio(8))];
  const x = Math.round((storedWidth - width) / 2 + ratio(16));
  const y = Math.round((storedHeight - height) / 2 + ratio(24));
  const fits =
    width > 0 && height > 0 && x >= 0 && y >= 0 && x + width <= storedWidth && y + height <= storedHeight;
  if (!fits || (width === storedWidth && height === storedHeight)) return null;
  return { x, y, width, height };
}

/** Reads boxes through a window, no more of them and no longer than a recording needs. */
class BoxWalk {
  private readonly file: FileHandle;
  private readonly bounds: WalkBounds;
  private readonly untilMs: number;
  private readonly window = Buffer.alloc(WINDOW_BYTES);
  private windowFrom = 0;
  private windowBytes = 0;
  private boxes = 0;

  constructor(file: FileHandle, bounds: WalkBounds) {
    this.file = file;
    this.bounds = bounds;
    this.untilMs = performance.now() + bounds.timeoutMs;
  }

  /** Calls back with each box of a range; a box's own range may exceed it. */
  async each({ from, end }: { from: number; end: number }, visit: (box: Box) => void): Promise<void> {
    for (let at = from; at + 8 <= end; ) {
      if (++this.boxes > MAX_BOXES) throw refusals.videoDamaged();
      // Most headers are in the window: only the others need an asynchronous read.
      const header = this.inWindow(at, 16) ?? (await this.bytes(at, 16));
      if (header.length < 8) return;
      const size32 = header.readUInt32BE(0);
      if (size32 === 1 && header.length < 16) return;
      const size = size32 === 0 ? end - at : size32 === 1 ? Number(header.readBigUInt64BE(8)) : size32;
      const headerBytes = size32 === 1 ? 16 : 8;
      if (size < headerBytes) return;
      visit({ type: header.toString("latin1", 4, 8), from: at + headerBytes, end: at + size });
      at += size;
    }
  }

  /** The first box of a type, or of any, in a range. */
  async child(range: { from: number; end: number }, type: string | undefined): Promise<Box | undefined> {
    let found: Box | undefined;
    await this.each(range, (box) => {
      if (type === undefined || box.type === type) found ??= box;
    });
    return found;
  }

  /**
   * Bytes at a position, fewer at the end of the file; valid until the next call. `length` is at most the window's.
   */
  async bytes(at: number, length: number): Promise<Buffer> {
    const seen = this.inWindow(at, length);
    if (seen) return seen;
    this.bounds.signal.throwIfAborted();
    if (performance.now() > this.untilMs) throw refusals.timeout(this.bounds.timeoutMs);
    const { bytesRead } = await this.file.read(this.window, 0, WINDOW_BYTES, at);
    this.windowFrom = at;
    this.windowBytes = bytesRead;
    return this.window.subarray(0, Math.min(length, bytesRead));
  }

  private inWindow(at: number, length: number): Buffer | undefined {
    const from = at - this.windowFrom;
    return from >= 0 && from + length <= this.windowBytes
      ? this.window.subarray(from, from + length)
      : undefined;
  }
}
