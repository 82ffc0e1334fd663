import type { FileHandle } from "node:fs/promises";
import { refusals } from "./refusals.ts";

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

export interface Box {
  type: string;
  /** Where its content starts and where it ends. */
  from: number;
  end: number;
}

/** What one walk may cost in all, whatever the file says. */
export interface WalkBounds {
  signal: AbortSignal;
  timeoutMs: number;
}

/** Twice the boxes of a quarter of an hour in fragments of one frame. */
const MAX_BOXES = 250_000;
/** As many streams as libavformat takes. */
const MAX_TRACKS = 1000;
const WINDOW_BYTES = 32 * 1024;
const DESCRIPTIONS = new Set(["udta", "meta", "uuid"]);
/** The `udta` that ffmpeg writes when there is nothing to say: a list of no entries. */
const EMPTY_DESCRIPTION = Buffer.from(
  `\0\0\0\x35meta\0\0\0\0\0\0\0\x21hdlr${"\0".repeat(8)}mdirappl${"\0".repeat(9)}\0\0\0\x08ilst`,
  "latin1",
);

/**
 * Reads the top-level boxes of an ISO base media file (ISO/IEC 14496-12, 4.2) and two levels of its index.
 * Errors: VIDEO_DAMAGED for more boxes than any recording has, MEDIA_TIMEOUT, the signal's reason.
 */
export async function readMp4Layout(
  file: FileHandle,
  sizeBytes: number,
  bounds: WalkBounds,
): Promise<Mp4Layout> {
  const walk = new BoxWalk(file, bounds);
  const layout = { hasIndex: false, fastStart: false, truncated: false, fragmented: false };
  let hasData = false;
  let hasDescription = false;
  let moov: Box | undefined;
  const tracks: Box[] = [];
  const maybeEmpty: Box[] = [];
  const look = (box: Box) => {
    if (hasDescription || !DESCRIPTIONS.has(box.type)) return;
    if (box.end - box.from === EMPTY_DESCRIPTION.length) maybeEmpty.push(box);
    else hasDescription = true;
  };

  await walk.each({ from: 0, end: sizeBytes }, (box) => {
    look(box);
    if (box.type === "moov" && !moov) {
      moov = box;
      layout.fastStart = !hasData;
    }
    hasData ||= box.type === "mdat";
    layout.fragmented ||= box.type === "moof";
    layout.truncated ||= box.end > sizeBytes;
  });
  layout.hasIndex = moov !== undefined;
  if (moov && moov.end <= sizeBytes) {
    await walk.each(moov, (box) => {
      look(box);
      if (box.type === "trak" && tracks.push(box) > MAX_TRACKS) throw refusals.videoDamaged();
    });
    for (const track of tracks) await walk.each(track, look);
  }
  for (const box of maybeEmpty) {
    if (hasDescription) break;
    hasDescription = !(await walk.bytes(box.from, EMPTY_DESCRIPTION.length)).equals(EMPTY_DESCRIPTION);
  }
  return { ...layout, hasDescription };
}

/** Looks at boxes through a window, and at no more of them and for no longer than a recording needs. */
export class BoxWalk {
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

  /** Calls back with each box of a range, whose own range may reach beyond it. */
  async each({ from, end }: { from: number; end: number }, visit: (box: Box) => void): Promise<void> {
    for (let at = from; at + 8 <= end; ) {
      if (++this.boxes > MAX_BOXES) throw refusals.videoDamaged();
      // Most headers lie in the window: only the others are waited for.
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

  /** Bytes at a place, fewer at the end of the file; valid until the next call. `length` is at most the window's. */
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
