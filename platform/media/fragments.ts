import { type FileHandle, open } from "node:fs/promises";

/** A fragmented MP4 as playlists need it: the initialization, then fragments that follow one another to the end. */
export interface FragmentTable {
  /** Of the boxes before the first fragment (ftyp, moov). */
  initBytes: number;
  /** RFC 6381, as in `avc1.64001f,mp4a.40.2`. */
  codecs: string;
  fragments: { bytes: number; durationUs: number }[];
}

interface Box {
  type: string;
  content: Buffer;
}

const HEADER_BYTES = 8;
/** A fragment of two seconds has some kilobytes of index. */
const MAX_INDEX_BYTES = 1024 ** 2;
/** The bytes before the boxes in a list of sample descriptions, and in the description of a picture. */
const LIST_HEAD_BYTES = 8;
const PICTURE_HEAD_BYTES = 78;
/** Flags of track fragments (ISO/IEC 14496-12, 8.8.7 and 8.8.8). */
const TFHD = { base: 0x1, description: 0x2, duration: 0x8 };
const TRUN = { offset: 0x1, firstFlags: 0x4, duration: 0x100, size: 0x200, flags: 0x400, composition: 0x800 };

/** Reads a file of our own making; anything unexpected in it is a bug and throws. */
export async function readFragments(path: string): Promise<FragmentTable> {
  const file = await open(path);
  try {
    return await tableOf(file, (await file.stat()).size);
  } finally {
    await file.close();
  }
}

async function tableOf(file: FileHandle, sizeBytes: number): Promise<FragmentTable> {
  const read = async (at: number, length: number) => {
    if (length > MAX_INDEX_BYTES) throw new Error("an index is too large");
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, at);
    if (bytesRead < length) throw new Error("a file of fragments is cut off");
    return buffer;
  };
  const table: FragmentTable = { initBytes: 0, codecs: "", fragments: [] };
  let track: VideoTrack | undefined;
  let open: { from: number; durationUs: number } | undefined;
  for (let at = 0; at < sizeBytes; ) {
    const header = await read(at, HEADER_BYTES);
    const bytes = header.readUInt32BE(0);
    const type = header.toString("latin1", 4, 8);
    if (bytes < HEADER_BYTES || at + bytes > sizeBytes) throw new Error(`a box ${type} has no true size`);
    const content = () => read(at + HEADER_BYTES, bytes - HEADER_BYTES);
    if (type === "moov") {
      const found = describeTracks(await content());
      track = found.video;
      table.codecs = found.codecs;
    } else if (type === "moof") {
      if (!track) throw new Error("a fragment comes before the description of its tracks");
      if (table.fragments.length === 0 && !open) table.initBytes = at;
      open = { from: at, durationUs: durationOf(await content(), track) };
    } else if (type === "mdat" && open) {
      table.fragments.push({ bytes: at + bytes - open.from, durationUs: open.durationUs });
      open = undefined;
    } else if (type !== "ftyp") throw new Error(`a box ${type} was not expected`);
    at += bytes;
  }
  if (table.fragments.length === 0) throw new Error("a file has no fragments");
  return table;
}

interface VideoTrack {
  id: number;
  unitsPerSecond: number;
  /** Of a sample, where its fragment says nothing else. */
  duration: number;
}

function describeTracks(moov: Buffer): { video: VideoTrack; codecs: string } {
  const codecs: string[] = [];
  let video: VideoTrack | undefined;
  for (const track of all(moov, "trak")) {
    const id = child(track, "tkhd").readUInt32BE(versioned(child(track, "tkhd"), 12, 20));
    const media = child(track, "mdia");
    const samples = child(child(child(media, "minf"), "stbl"), "stsd").subarray(LIST_HEAD_BYTES);
    const kind = samples.toString("latin1", 4, 8);
    if (kind === "avc1") {
      const settings = child(samples.subarray(HEADER_BYTES + PICTURE_HEAD_BYTES), "avcC");
      // Profile, compatibility and level, as in the stream.
      codecs.unshift(`avc1.${settings.toString("hex", 1, 4)}`);
      const header = child(media, "mdhd");
      video = { id, unitsPerSecond: header.readUInt32BE(versioned(header, 12, 20)), duration: 0 };
    } else if (kind === "mp4a") codecs.push("mp4a.40.2");
    else throw new Error(`a track of ${kind} was not expected`);
  }
  if (!video) throw new Error("a file has no video");
  for (const defaults of all(child(moov, "mvex"), "trex"))
    if (defaults.readUInt32BE(4) === video.id) video.duration = defaults.readUInt32BE(12);
  return { video, codecs: codecs.join(",") };
}

function durationOf(moof: Buffer, track: VideoTrack): number {
  let units = 0;
  for (const fragment of all(moof, "traf")) {
    const header = child(fragment, "tfhd");
    if (header.readUInt32BE(4) !== track.id) continue;
    const flags = header.readUIntBE(1, 3);
    const at = 8 + (flags & TFHD.base ? 8 : 0) + (flags & TFHD.description ? 4 : 0);
    const usual = flags & TFHD.duration ? header.readUInt32BE(at) : track.duration;
    for (const run of all(fragment, "trun")) units += durationOfRun(run, usual);
  }
  if (units === 0) throw new Error("a fragment has no pictures");
  return Math.round((units / track.unitsPerSecond) * 1_000_000);
}

function durationOfRun(run: Buffer, usual: number): number {
  const flags = run.readUIntBE(1, 3);
  const count = run.readUInt32BE(4);
  if (!(flags & TRUN.duration)) return count * usual;
  const perSample = [TRUN.duration, TRUN.size, TRUN.flags, TRUN.composition];
  const step = 4 * perSample.filter((flag) => flags & flag).length;
  const first = 8 + (flags & TRUN.offset ? 4 : 0) + (flags & TRUN.firstFlags ? 4 : 0);
  let units = 0;
  for (let i = 0; i < count; i++) units += run.readUInt32BE(first + i * step);
  return units;
}

/** Version 1 of a box has longer times before a field. */
function versioned(content: Buffer, short: number, long: number): number {
  return content[0] === 1 ? long : short;
}

function* boxes(content: Buffer): Generator<Box> {
  for (let at = 0; at + HEADER_BYTES <= content.length; ) {
    const bytes = content.readUInt32BE(at);
    if (bytes < HEADER_BYTES || at + bytes > content.length) throw new Error("a box has no true size");
    yield {
      type: content.toString("latin1", at + 4, at + 8),
      content: content.subarray(at + HEADER_BYTES, at + bytes),
    };
    at += bytes;
  }
}

function all(content: Buffer, type: string): Buffer[] {
  return [...boxes(content)].filter((box) => box.type === type).map((box) => box.content);
}

function child(content: Buffer, type: string): Buffer {
  const [found] = all(content, type);
  if (!found) throw new Error(`a file lacks ${type}`);
  return found;
}
