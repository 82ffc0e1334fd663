/** What a checker of streams must know of fragmented MP4 (ISO 14496-12): tracks, and the samples of a fragment. */

interface Box {
  type: string;
  from: number;
  /** After its size and type. */
  body: number;
  end: number;
}

export interface Track {
  id: number;
  kind: "video" | "audio";
  timescale: number;
  /** As HLS names it (RFC 6381). */
  codec: string;
  width: number;
  height: number;
  /** Of samples that say nothing of their own. */
  defaults: { duration: number; size: number; flags: number };
}

export interface Run {
  trackId: number;
  /** In units of the track. */
  decodeTime: number;
  samples: { duration: number; isKey: boolean; from: number; bytes: number }[];
}

/** Fails where boxes are cut off or lie across their end. */
function boxesIn(file: Buffer, from: number, to: number): Box[] {
  const boxes: Box[] = [];
  for (let at = from; at < to; ) {
    if (at + 8 > to) throw new Error(`a box that is cut off at ${at}`);
    const end = at + file.readUInt32BE(at);
    const type = file.toString("latin1", at + 4, at + 8);
    if (end < at + 8 || end > to) throw new Error(`the box ${type} at ${at} ends at ${end}, beyond ${to}`);
    boxes.push({ type, from: at, body: at + 8, end });
    at = end;
  }
  return boxes;
}

function find(file: Buffer, within: { body: number; end: number }, ...path: string[]): Box {
  const [type, ...rest] = path;
  const box = boxesIn(file, within.body, within.end).find((one) => one.type === type);
  if (!box) throw new Error(`no box ${type}`);
  return rest.length > 0 ? find(file, box, ...rest) : box;
}

/** The tracks of an initialization. */
export function tracksOf(file: Buffer, bytes: number): Track[] {
  const all = { body: 0, end: bytes };
  if (boxesIn(file, 0, bytes)[0]?.type !== "ftyp") throw new Error("it does not begin with ftyp");
  const moov = find(file, all, "moov");
  const extended = boxesIn(file, find(file, moov, "mvex").body, find(file, moov, "mvex").end);
  return boxesIn(file, moov.body, moov.end)
    .filter(({ type }) => type === "trak")
    .map((trak) => {
      const tkhd = find(file, trak, "tkhd");
      const id = file.readUInt32BE(tkhd.body + (file[tkhd.body] === 1 ? 20 : 12));
      const mdhd = find(file, trak, "mdia", "mdhd");
      const timescale = file.readUInt32BE(mdhd.body + (file[mdhd.body] === 1 ? 20 : 12));
      const stsd = find(file, trak, "mdia", "minf", "stbl", "stsd");
      const [entry] = boxesIn(file, stsd.body + 8, stsd.end);
      const trex = extended.find(({ type, body }) => type === "trex" && file.readUInt32BE(body + 4) === id);
      if (!entry || !trex) throw new Error(`track ${id} has no sample entry or no defaults`);
      const [duration, size, flags] = [12, 16, 20].map((at) => file.readUInt32BE(trex.body + at));
      const handler = file.toString("latin1", find(file, trak, "mdia", "hdlr").body + 8).slice(0, 4);
      if (handler !== "vide" && handler !== "soun") throw new Error(`track ${id} is neither seen nor heard`);
      const isVideo = handler === "vide";
      return {
        ...{ id, timescale, kind: isVideo ? "video" : "audio", codec: codecOf(file, entry) },
        width: isVideo ? file.readUInt16BE(entry.body + 24) : 0,
        height: isVideo ? file.readUInt16BE(entry.body + 26) : 0,
        defaults: { duration: duration!, size: size!, flags: flags! },
      };
    });
}

function codecOf(file: Buffer, entry: Box): string {
  if (entry.type === "avc1") {
    const avcC = find(file, { body: entry.body + 78, end: entry.end }, "avcC");
    return `avc1.${file.toString("hex", avcC.body + 1, avcC.body + 4)}`;
  }
  if (entry.type !== "mp4a") throw new Error(`a sample entry ${entry.type}`);
  const esds = find(file, { body: entry.body + 28, end: entry.end }, "esds");
  // Descriptors: 3 holds 4, which holds 5, the configuration of the decoder.
  let at = descriptor(file, esds.body + 4, 3) + 3;
  at = descriptor(file, at, 4);
  const objectType = file[at]!;
  const configuration = descriptor(file, at + 13, 5);
  return `mp4a.${objectType.toString(16)}.${file[configuration]! >> 3}`;
}

/** Where the body of a descriptor begins. */
function descriptor(file: Buffer, from: number, tag: number): number {
  if (file[from] !== tag) throw new Error(`no descriptor ${tag}`);
  let at = from + 1;
  while (file[at]! & 0x80) at++;
  return at + 1;
}

/** The samples of a fragment, `moof` and `mdat` in turn. */
export function runsOf(file: Buffer, from: number, to: number, tracks: readonly Track[]): Run[] {
  const boxes = boxesIn(file, from, to);
  if (boxes.some(({ type }, at) => type !== (at % 2 === 0 ? "moof" : "mdat")) || boxes.length % 2)
    throw new Error(`boxes ${boxes.map(({ type }) => type)} where there should be moof and mdat`);
  return boxes
    .filter(({ type }) => type === "moof")
    .flatMap((moof) =>
      boxesIn(file, moof.body, moof.end)
        .filter(({ type }) => type === "traf")
        .map((traf) => runOf(file, moof, traf, tracks)),
    );
}

function runOf(file: Buffer, moof: Box, traf: Box, tracks: readonly Track[]): Run {
  const tfhd = find(file, traf, "tfhd");
  const trackId = file.readUInt32BE(tfhd.body + 4);
  const track = tracks.find(({ id }) => id === trackId);
  if (!track) throw new Error(`samples of a track ${trackId} that there is not`);
  const defaults = { ...track.defaults };
  const has = file.readUInt32BE(tfhd.body);
  let at = tfhd.body + 8;
  if (has & 0x1) throw new Error("CMAF counts from the fragment, not from the file");
  if (has & 0x2) at += 4;
  for (const [bit, name] of [
    [0x8, "duration"],
    [0x10, "size"],
    [0x20, "flags"],
  ] as const) {
    if (!(has & bit)) continue;
    defaults[name] = file.readUInt32BE(at);
    at += 4;
  }
  const tfdt = find(file, traf, "tfdt");
  const decodeTime =
    file[tfdt.body] === 1 ? Number(file.readBigUInt64BE(tfdt.body + 4)) : file.readUInt32BE(tfdt.body + 4);
  const samples: Run["samples"] = [];
  for (const trun of boxesIn(file, traf.body, traf.end).filter(({ type }) => type === "trun")) {
    const says = file.readUInt32BE(trun.body);
    let place = trun.body + 8;
    const next = (bit: number, otherwise: number) => {
      if (!(says & bit)) return otherwise;
      place += 4;
      return file.readUInt32BE(place - 4);
    };
    let from = moof.from + (next(0x1, 0) | 0);
    const first = next(0x4, defaults.flags);
    for (let i = file.readUInt32BE(trun.body + 4); i > 0; i--) {
      const duration = next(0x100, defaults.duration);
      const bytes = next(0x200, defaults.size);
      const flags = next(0x400, samples.length === 0 ? first : defaults.flags);
      next(0x800, 0);
      samples.push({ duration, bytes, from, isKey: !(flags & 0x10000) });
      from += bytes;
    }
  }
  return { trackId, decodeTime, samples };
}

/** Of H.264 with lengths of four bytes: whether the first picture is an IDR, before which nothing needs to be known. */
export function beginsWithIdr(file: Buffer, { from, bytes }: { from: number; bytes: number }): boolean {
  for (let at = from; at + 4 < from + bytes; at += 4 + file.readUInt32BE(at)) {
    const type = file[at + 4]! & 31;
    if (type >= 1 && type <= 5) return type === 5;
  }
  return false;
}
