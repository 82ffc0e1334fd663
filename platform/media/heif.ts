import { type FileHandle, open } from "node:fs/promises";
import type { LightFacts, Upright } from "./media-engine.ts";
import type { Crop, PictureSize } from "./media-tool.ts";
import { refusals } from "./refusals.ts";
import { peakOf } from "./rules.ts";

/**
 * HEIC and AVIF (ISO/IEC 23008-12): one picture, or tiles of one size that make up one. No decoder gets the file: the
 * tiles are copied into a bare stream, one after another, which every FFmpeg reads and its `tile` filter puts together.
 */
export interface Heif extends Tiles {
  /** As stored, before rotation, after cropping. */
  width: number;
  height: number;
  upright: Upright;
  profile: Buffer | null;
  /** Brightness above the standard range: the maximum it shows, in cd/m². */
  hdr: { peakNits: number } | null;
  /** How opaque each pixel is, as a picture of its own of the same size. */
  alpha: (Tiles & { premultiplied: boolean }) | null;
}

export interface Tiles {
  codec: "hevc" | "av1";
  columns: number;
  rows: number;
  tile: PictureSize;
  /** The visible part of all tiles together. */
  crop: Crop;
  /** What the file says about its colours; it counts for more than the stream. */
  colours: Colours | null;
  /** Where the tiles are, row by row. */
  tiles: Extent[][];
  /** HEVC: sets of parameters that precede the pictures, and how long the length of a unit is. */
  parameters: Buffer[];
  lengthBytes: number;
}

interface Colours {
  range: "pc" | "tv";
  matrix: string | null;
  /** Those above the standard range. */
  transfer: "smpte2084" | "arib-std-b67" | null;
  primaries: string | null;
}

interface Extent {
  at: number;
  bytes: number;
}

interface Box {
  type: string;
  data: Buffer;
}

/** A phone's picture of 48 million pixels has 192. */
const MOST_TILES = 256;
/** An iPhone's picture has some 60: tiles, a thumbnail, depth, Exif. */
const MOST_ITEMS = 1024;
const MOST_EXTENTS = 8;
const MOST_BOXES = 4096;
/** Of a tile; HEVC has 600 slices in a picture at most (ITU-T H.265, table A.8). */
const MOST_UNITS = 4096;
const CODECS = { hvc1: "hevc", av01: "av1" } as const;
const CONFIGURATIONS = { hvc1: "hvcC", av01: "av1C" } as const;
/** What we apply, and what only describes. */
const KNOWN = new Set([
  "ispe",
  "pixi",
  "pasp",
  "colr",
  "hvcC",
  "av1C",
  "clap",
  "irot",
  "imir",
  "auxC",
  "clli",
  "mdcv",
]);
/** Numbers of ISO/IEC 23091-2, as `setparams` names them. */
const MATRICES: Record<number, string> = { 1: "bt709", 5: "bt470bg", 6: "smpte170m", 9: "bt2020nc" };
const PRIMARIES: Record<number, string> = { 1: "bt709", 9: "bt2020", 12: "smpte432" };
const HDR_TRANSFERS = { 16: "smpte2084", 18: "arib-std-b67" } as const;
/** Both were made for BT.2020. */
const HDR_COLOURS = { matrix: "bt2020nc", primaries: "bt2020" };
const ALPHA = new Set(["urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", "urn:mpeg:hevc:2015:auxid:1"]);
const OPAQUE_RANGE = { range: "pc", matrix: null, transfer: null, primaries: null } as const;
/** More than the names of ALPHA. */
const MOST_NAME_BYTES = 64;
const [VPS, PPS, SPS, MOST_SLICE] = [32, 34, 33, 31];
const START = Buffer.from([0, 0, 0, 1]);
/** Ends a sequence of pictures: the next one stands alone. */
const HEVC_END = Buffer.from([0, 0, 0, 1, 0x48, 0x01]);
/** Begins a picture. */
const AV1_DELIMITER = Buffer.from([0x12, 0]);

/** `first` is the beginning, with all that says what the file consists of. Errors: PICTURE_DAMAGED, PICTURE_UNSUPPORTED. */
export async function readHeif(handle: FileHandle, first: Buffer): Promise<Heif> {
  try {
    const meta = boxesOf(first).find(({ type }) => type === "meta");
    if (!meta) throw refusals.pictureDamaged();
    return await readMeta(handle, meta.data.subarray(4));
  } catch (error) {
    if (error instanceof RangeError) throw refusals.pictureDamaged();
    throw error;
  }
}

async function readMeta(handle: FileHandle, meta: Buffer): Promise<Heif> {
  const boxes = boxesOf(meta);
  const child = (type: string) => boxes.find((box) => box.type === type)?.data;
  const need = (type: string) => child(type) ?? damaged();
  const primary = readPrimary(need("pitm"));
  const types = readTypes(need("iinf"));
  const places = readPlaces(need("iloc"));
  const iprp = boxesOf(need("iprp"));
  const properties = readProperties(iprp);
  const references = readReferences(child("iref"));
  const bytesOf = (item: number) => extentsOf(places.get(item), child("idat"), handle);

  const { size, firstTile, ...whole } = await readTiles(primary);
  const shown = properties.get(primary) ?? [];
  if (shown.some(({ type, essential }) => essential && !KNOWN.has(type)))
    throw refusals.pictureUnsupported("composed");
  const clap = find(shown, "clap");
  const crop = clap ? readCrop(clap, size) : { x: 0, y: 0, ...size };
  const all = [...shown, ...firstTile];
  const colours = all.filter(({ type }) => type === "colr");
  const read = readColours(colours);
  const hdr = read?.transfer ? { peakNits: peakOf(readLight(all)) } : null;
  const alphaItem = findAlpha(references, primary, properties);
  return {
    ...{ ...whole, width: crop.width, height: crop.height, crop },
    upright: readUpright(shown),
    colours: read,
    // It says what the colours were before they are mapped.
    profile: hdr ? null : readProfile(colours),
    hdr,
    alpha: alphaItem === undefined ? null : await readAlpha(alphaItem),
  };

  /** It is cropped and turned as the picture is. */
  async function readAlpha(item: number): Promise<Heif["alpha"]> {
    const { size: own, firstTile, ...tiles } = await readTiles(item);
    if (!sameSize(own, size)) throw refusals.pictureUnsupported("composed");
    const colours = [...(properties.get(item) ?? []), ...firstTile].filter(({ type }) => type === "colr");
    return {
      ...{ ...tiles, crop, colours: readColours(colours) ?? OPAQUE_RANGE },
      premultiplied: targetsOf(references, "prem", primary).includes(item),
    };
  }

  async function readTiles(
    whole: number,
  ): Promise<Omit<Tiles, "crop" | "colours"> & { size: PictureSize; firstTile: Property[] }> {
    let items = [whole];
    let grid = { rows: 1, columns: 1, size: null as PictureSize | null };
    if (types.get(whole) === "grid") {
      grid = readGrid(await bytesOf(whole).then(({ read }) => read(MOST_GRID_BYTES)));
      items = targetsOf(references, "dimg", whole);
      if (items.length !== grid.rows * grid.columns) damaged();
    }
    const [kind] = items.map((item) => types.get(item));
    // Overlays, pictures that are another one turned, and codecs that nobody sends.
    if (kind !== "hvc1" && kind !== "av01") throw refusals.pictureUnsupported("composed");
    const [firstTile] = items.map((item) => properties.get(item) ?? []);
    const configuration = find(firstTile!, CONFIGURATIONS[kind]) ?? damaged();
    const tile = readSize(find(firstTile!, "ispe") ?? damaged());
    for (const item of items) {
      const own = properties.get(item) ?? [];
      const same =
        types.get(item) === kind &&
        find(own, CONFIGURATIONS[kind])?.equals(configuration) &&
        sameSize(readSize(find(own, "ispe") ?? damaged()), tile);
      // Only tiles that are alike can be read as one stream.
      if (!same) throw refusals.pictureUnsupported("composed");
    }
    const { rows, columns } = grid;
    const size = grid.size ?? tile;
    if (
      !covers(columns * tile.width, size.width, tile.width) ||
      !covers(rows * tile.height, size.height, tile.height)
    )
      damaged();

    const tiles: Extent[][] = [];
    for (const item of items) tiles.push((await bytesOf(item)).extents ?? damaged());
    return {
      ...{ codec: CODECS[kind], columns, rows, tile, tiles, size, firstTile: firstTile! },
      ...(kind === "hvc1" ? readParameters(configuration) : { parameters: [], lengthBytes: 0 }),
    };
  }
}

/** The filters that put the tiles together. */
export function heifFilters({ columns, rows, crop, tile, colours }: Tiles): string[] {
  const whole = crop.width === columns * tile.width && crop.height === rows * tile.height;
  return [
    ...(columns * rows > 1 ? [`tile=${columns}x${rows}`] : []),
    ...(whole ? [] : [`crop=${crop.width}:${crop.height}:${crop.x}:${crop.y}:exact=1`]),
    ...(colours ? [`setparams=${namesOf(colours).join(":")}`] : []),
  ];
}

function namesOf({ range, transfer, ...told }: Colours): string[] {
  const { matrix, primaries } = transfer
    ? { matrix: told.matrix ?? HDR_COLOURS.matrix, primaries: told.primaries ?? HDR_COLOURS.primaries }
    : { ...told, primaries: null };
  return [
    `range=${range}`,
    ...(matrix ? [`colorspace=${matrix}`] : []),
    ...(transfer ? [`color_trc=${transfer}`, `color_primaries=${primaries}`] : []),
  ];
}

/** Writes the bare stream. Error: PICTURE_DAMAGED. */
export async function writeStream(handle: FileHandle, heif: Tiles, path: string): Promise<void> {
  const { size } = await handle.stat();
  const all = heif.tiles.flat().reduce((sum, { bytes }) => sum + bytes, 0);
  // Tiles may share bytes, and would then become more than the file.
  if (all > size) damaged();
  const output = await open(path, "wx", 0o600);
  try {
    for (const nal of heif.parameters) await output.writeFile(Buffer.concat([START, nal]));
    for (const extents of heif.tiles) {
      const parts: Buffer[] = [];
      for (const { at, bytes } of extents) parts.push(await readWhole(handle, at, bytes));
      const item = Buffer.concat(parts);
      await output.writeFile(
        heif.codec === "av1" ? Buffer.concat([AV1_DELIMITER, item]) : slicesOf(item, heif),
      );
    }
  } finally {
    await output.close();
  }
}

/** Slices alone: parameters in the pictures could change their size. */
function slicesOf(item: Buffer, { lengthBytes }: Tiles): Buffer {
  const parts: Buffer[] = [];
  let units = 0;
  for (let at = 0; at + lengthBytes <= item.length; ) {
    if (++units > MOST_UNITS) damaged();
    const from = at + lengthBytes;
    const end = from + item.readUIntBE(at, lengthBytes);
    if (end > item.length) damaged();
    if (end > from && unitType(item[from]!) <= MOST_SLICE) parts.push(START, item.subarray(from, end));
    at = end;
  }
  return Buffer.concat([...parts, HEVC_END]);
}

const unitType = (first: number) => (first >> 1) & 0x3f;

function readParameters(hvcC: Buffer): Pick<Tiles, "parameters" | "lengthBytes"> {
  const lengthBytes = (hvcC.readUInt8(21) & 3) + 1;
  const parameters: Buffer[] = [];
  let at = 23;
  for (let arrays = hvcC.readUInt8(22); arrays > 0; arrays--) {
    const count = hvcC.readUInt16BE(at + 1);
    at += 3;
    for (let i = 0; i < count; i++) {
      const end = at + 2 + hvcC.readUInt16BE(at);
      if (end > hvcC.length || end === at + 2) damaged();
      const nal = hvcC.subarray(at + 2, end);
      const type = unitType(nal[0]!);
      if (type >= VPS && type <= PPS) parameters.push(nal);
      at = end;
    }
  }
  // One size for all.
  if (parameters.filter((nal) => unitType(nal[0]!) === SPS).length !== 1) damaged();
  return { parameters, lengthBytes };
}

function boxesOf(data: Buffer): Box[] {
  const boxes: Box[] = [];
  for (let at = 0; at + 8 <= data.length; ) {
    const type = data.toString("latin1", at + 4, at + 8);
    let bytes = data.readUInt32BE(at);
    if (bytes === 0) bytes = data.length - at;
    // What is longer than what we have ends the list: the data itself, mostly.
    if (bytes < 8 || at + bytes > data.length) break;
    if (boxes.push({ type, data: data.subarray(at + 8, at + bytes) }) > MOST_BOXES) damaged();
    at += bytes;
  }
  return boxes;
}

/** Version, then the flags. */
const readFull = (data: Buffer) => ({ version: data.readUInt8(0), flags: data.readUIntBE(1, 3) });

function readPrimary(pitm: Buffer): number {
  return readFull(pitm).version === 0 ? pitm.readUInt16BE(4) : pitm.readUInt32BE(4);
}

function readTypes(iinf: Buffer): Map<number, string> {
  const types = new Map<number, string>();
  for (const { type, data } of boxesOf(iinf.subarray(readFull(iinf).version === 0 ? 6 : 8))) {
    const { version } = readFull(data);
    if (type !== "infe" || version < 2) continue;
    const at = version === 2 ? 6 : 8;
    types.set(
      version === 2 ? data.readUInt16BE(4) : data.readUInt32BE(4),
      data.toString("latin1", at + 2, at + 6),
    );
    if (types.size > MOST_ITEMS) damaged();
  }
  return types;
}

interface Place {
  /** 0: in the file; 1: in `idat`. */
  method: number;
  extents: Extent[];
}

function readPlaces(iloc: Buffer): Map<number, Place> {
  const { version } = readFull(iloc);
  let at = 4;
  const next = (bytes: number) => {
    if (bytes === 0) return 0;
    // No file has more than 48 bits of bytes.
    const value =
      bytes === 8 ? iloc.readUInt32BE(at) * 2 ** 32 + iloc.readUInt32BE(at + 4) : iloc.readUIntBE(at, bytes);
    at += bytes;
    return value;
  };
  const sizes = next(2);
  const [offsetBytes, lengthBytes, baseBytes] = [(sizes >> 12) & 15, (sizes >> 8) & 15, (sizes >> 4) & 15];
  const indexBytes = version === 0 ? 0 : sizes & 15;
  if ([offsetBytes, lengthBytes, baseBytes, indexBytes].some((bytes) => ![0, 4, 8].includes(bytes)))
    damaged();
  const count = next(version < 2 ? 2 : 4);
  if (count > MOST_ITEMS) damaged();
  const places = new Map<number, Place>();
  for (let i = 0; i < count; i++) {
    const item = next(version < 2 ? 2 : 4);
    const method = version === 0 ? 0 : next(2) & 15;
    const elsewhere = next(2);
    const base = next(baseBytes);
    const extentCount = next(2);
    if (extentCount > MOST_EXTENTS || elsewhere !== 0) damaged();
    const extents: Extent[] = [];
    for (let j = 0; j < extentCount; j++) {
      next(indexBytes);
      extents.push({ at: base + next(offsetBytes), bytes: next(lengthBytes) });
    }
    places.set(item, { method, extents });
  }
  return places;
}

/** Where an item is in the file, and how to read a small one. */
async function extentsOf(place: Place | undefined, idat: Buffer | undefined, handle: FileHandle) {
  const [extent] = place?.extents ?? [];
  if (!place || !extent || place.method > 1) return damaged();
  const extents = place.method === 0 ? place.extents : null;
  const read = async (most: number): Promise<Buffer> => {
    if (extent.bytes > most) return damaged();
    if (extents) return readWhole(handle, extent.at, extent.bytes);
    return idat?.subarray(extent.at, extent.at + extent.bytes) ?? damaged();
  };
  return { extents, read };
}

async function readWhole(handle: FileHandle, at: number, bytes: number): Promise<Buffer> {
  if (at + bytes > (await handle.stat()).size) damaged();
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, at);
  return bytesRead === bytes ? buffer : damaged();
}

const MOST_GRID_BYTES = 12;

function readGrid(data: Buffer): { rows: number; columns: number; size: PictureSize } {
  const [rows, columns] = [data.readUInt8(2) + 1, data.readUInt8(3) + 1];
  if (rows * columns > MOST_TILES) throw refusals.pictureUnsupported("composed");
  const bytes = data.readUInt8(1) & 1 ? 4 : 2;
  const size = { width: data.readUIntBE(4, bytes), height: data.readUIntBE(4 + bytes, bytes) };
  return { rows, columns, size };
}

interface Reference {
  type: string;
  from: number;
  /** Of whom: read when it is asked for. */
  targets(): number[];
}

function readReferences(iref: Buffer | undefined): Reference[] {
  if (!iref) return [];
  const bytes = readFull(iref).version === 0 ? 2 : 4;
  return boxesOf(iref.subarray(4)).map(({ type, data }) => ({
    type,
    from: data.readUIntBE(0, bytes),
    targets() {
      const count = data.readUInt16BE(bytes);
      if (count > MOST_TILES) damaged();
      return Array.from({ length: count }, (_, i) => data.readUIntBE(bytes + 2 + i * bytes, bytes));
    },
  }));
}

function targetsOf(references: Reference[], type: string, from: number): number[] {
  return references.find((one) => one.type === type && one.from === from)?.targets() ?? [];
}

/** The picture that says how opaque another one is. */
function findAlpha(
  references: Reference[],
  of: number,
  properties: Map<number, Property[]>,
): number | undefined {
  const isAlpha = ({ type, from, targets }: Reference) => {
    if (type !== "auxl") return false;
    const auxC = find(properties.get(from) ?? [], "auxC");
    // What follows may be long, and belong to thousands of references.
    const [name = ""] = auxC?.toString("latin1", 4, 4 + MOST_NAME_BYTES).split("\0") ?? [];
    return ALPHA.has(name) && targets().includes(of);
  };
  return references.find(isAlpha)?.from;
}

interface Property extends Box {
  essential: boolean;
}

/** The properties of each item, in the order in which they apply. */
function readProperties(iprp: Box[]): Map<number, Property[]> {
  const all = boxesOf(iprp.find(({ type }) => type === "ipco")?.data ?? damaged());
  const properties = new Map<number, Property[]>();
  for (const { type, data } of iprp) {
    if (type !== "ipma") continue;
    const { version, flags } = readFull(data);
    const count = data.readUInt32BE(4);
    if (count > MOST_ITEMS) damaged();
    let at = 8;
    for (let i = 0; i < count; i++) {
      const item = version < 1 ? data.readUInt16BE(at) : data.readUInt32BE(at);
      at += version < 1 ? 2 : 4;
      const own: Property[] = [];
      for (let left = data.readUInt8(at++); left > 0; left--) {
        const wide = (flags & 1) === 1;
        const value = wide ? data.readUInt16BE(at) : data.readUInt8(at);
        at += wide ? 2 : 1;
        const essential = (value & (wide ? 0x8000 : 0x80)) !== 0;
        const found = all[(value & (wide ? 0x7fff : 0x7f)) - 1];
        if (found) own.push({ ...found, essential });
      }
      properties.set(item, own);
    }
  }
  return properties;
}

const find = (properties: Property[], type: string) =>
  properties.find((property) => property.type === type)?.data;

function readSize(ispe: Buffer): PictureSize {
  return { width: ispe.readUInt32BE(4), height: ispe.readUInt32BE(8) };
}

const sameSize = (a: PictureSize, b: PictureSize) => a.width === b.width && a.height === b.height;

/** No row and no column of tiles is out of sight. */
const covers = (all: number, shown: number, one: number) => shown > 0 && all >= shown && all - one < shown;

/** A size, and how far its centre is from the picture's. */
function readCrop(clap: Buffer, whole: PictureSize): Crop {
  const [width, height] = [
    clap.readUInt32BE(0) / clap.readUInt32BE(4),
    clap.readUInt32BE(8) / clap.readUInt32BE(12),
  ];
  const [right, down] = [
    clap.readInt32BE(16) / clap.readUInt32BE(20),
    clap.readInt32BE(24) / clap.readUInt32BE(28),
  ];
  const crop = {
    ...{
      x: Math.floor((whole.width - width) / 2 + right),
      y: Math.floor((whole.height - height) / 2 + down),
    },
    ...{ width: Math.floor(width), height: Math.floor(height) },
  };
  const within =
    crop.x >= 0 &&
    crop.y >= 0 &&
    crop.width > 0 &&
    crop.height > 0 &&
    crop.x + crop.width <= whole.width &&
    crop.y + crop.height <= whole.height;
  return within ? crop : damaged();
}

/** Quarters against the clock, and a flip (mode 0: top to bottom, 1: left to right), one after the other. */
function readUpright(shown: Property[]): Upright {
  let [clockwise, mirrored] = [0, false];
  for (const { type, data } of shown) {
    if (type === "irot") clockwise -= 90 * (data.readUInt8(0) & 3);
    if (type === "imir") {
      clockwise = (data.readUInt8(0) & 1 ? 0 : 180) - clockwise;
      mirrored = !mirrored;
    }
  }
  return { rotation: ((clockwise + 720) % 360) as Upright["rotation"], mirrored };
}

function readColours(colours: Property[]): Colours | null {
  const nclx = colours.find(({ data }) => data.toString("latin1", 0, 4) === "nclx")?.data;
  if (!nclx) return null;
  const transfer = nclx.readUInt16BE(6);
  return {
    range: nclx.readUInt8(10) & 0x80 ? "pc" : "tv",
    matrix: MATRICES[nclx.readUInt16BE(8)] ?? null,
    transfer: transfer === 16 || transfer === 18 ? HDR_TRANSFERS[transfer] : null,
    primaries: PRIMARIES[nclx.readUInt16BE(4)] ?? null,
  };
}

/** How bright it says to be (ISO/IEC 14496-12, 12.1.6 and 12.1.7). */
function readLight(properties: Property[]): LightFacts {
  return {
    contentPeak: find(properties, "clli")?.readUInt16BE(0) ?? 0,
    masteringPeak: (find(properties, "mdcv")?.readUInt32BE(16) ?? 0) / 10_000,
  };
}

function readProfile(colours: Property[]): Buffer | null {
  const profile = colours.find(({ data }) => ["prof", "rICC"].includes(data.toString("latin1", 0, 4)))?.data;
  return profile?.subarray(4) ?? null;
}

function damaged(): never {
  throw refusals.pictureDamaged();
}
