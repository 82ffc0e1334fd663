/** Builds files of the HEIF family from small ones, so that tests need no encoder. */

export interface HeifPlan {
  /** Files of one picture each, all of one size and one kind. */
  tiles: readonly Buffer[];
  columns: number;
  rows: number;
  /** What the whole says it measures. */
  width: number;
  height: number;
  tileWidth: number;
  tileHeight: number;
  /** More properties of the whole: type and content. */
  properties?: readonly (readonly [type: string, data: Buffer])[];
  /** What precedes the picture, as another item that nothing refers to. */
  exif?: Buffer;
  /** How opaque each pixel is: files of one picture each, as many and as large as the tiles. */
  alpha?: readonly Buffer[];
  /** More references from one item to another. */
  references?: readonly (readonly [type: string, from: number, to: number])[];
  brand?: "heic" | "avif";
}

/** One picture of tiles (ISO/IEC 23008-12, 6.6.2.3), as phones write it. */
export function heifOfTiles(plan: HeifPlan): Buffer<ArrayBuffer> {
  const {
    tiles,
    columns,
    rows,
    width,
    height,
    tileWidth,
    tileHeight,
    properties = [],
    alpha = [],
    references = [],
    brand = "heic",
  } = plan;
  const kind = brand === "heic" ? "hvc1" : "av01";
  const configurationOf = (file: Buffer) => boxIn(file, brand === "heic" ? "hvcC" : "av1C");
  const data = [...tiles, ...alpha].map(dataOf).concat(plan.exif ?? []);
  const tileIds = tiles.map((_, i) => i + 2);
  const alphaIds = alpha.map((_, i) => i + 2 + tiles.length);
  const exifId = 2 + tiles.length + alpha.length;
  const alphaId = exifId + 1;
  const grid = Buffer.concat([Buffer.from([0, 1, rows - 1, columns - 1]), u32(width), u32(height)]);

  const metaWith = (mdatAt: number) => {
    let at = mdatAt;
    const places = data.map((part, i) => {
      const place = Buffer.concat([u16(i + 2), u16(0), u16(0), u16(1), u32(at), u32(part.length)]);
      at += part.length;
      return place;
    });
    const inIdat = (id: number) => Buffer.concat([u16(id), u16(1), u16(0), u16(1), u32(0), u32(grid.length)]);
    const common = 3;
    const whole = [2, ...properties.map((_, i) => common + 1 + i)];
    const [kindOfAlpha, alphaTile] = [common + 1 + properties.length, common + 2 + properties.length];
    const grids = alpha.length > 0 ? [1, alphaId] : [1];
    const ofAlpha = <T>(...parts: T[]) => (alpha.length > 0 ? parts : []);
    const association = (id: number, indexes: number[]) =>
      Buffer.concat([u16(id), Buffer.from([indexes.length, ...indexes])]);
    return full(
      "meta",
      0,
      full("hdlr", 0, u32(0), "pict", Buffer.alloc(13)),
      full("pitm", 0, u16(1)),
      full(
        "iinf",
        0,
        u16(grids.length + data.length),
        ...grids.map((id) => item(id, "grid")),
        ...[...tileIds, ...alphaIds].map((id) => item(id, kind)),
        ...(plan.exif ? [item(exifId, "Exif")] : []),
      ),
      full(
        "iref",
        0,
        box("dimg", u16(1), u16(tiles.length), ...tileIds.map(u16)),
        ...ofAlpha(
          box("auxl", u16(alphaId), u16(1), u16(1)),
          box("dimg", u16(alphaId), u16(alpha.length), ...alphaIds.map(u16)),
        ),
        ...references.map(([type, from, to]) => box(type, u16(from), u16(1), u16(to))),
      ),
      box(
        "iprp",
        box(
          "ipco",
          configurationOf(tiles[0]!),
          full("ispe", 0, u32(width), u32(height)),
          full("ispe", 0, u32(tileWidth), u32(tileHeight)),
          ...properties.map(([type, content]) => box(type, content)),
          ...alpha
            .slice(0, 1)
            .flatMap((file) => [
              full("auxC", 0, "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\0"),
              configurationOf(file),
            ]),
        ),
        full(
          "ipma",
          0,
          u32(grids.length + tiles.length + alpha.length),
          association(1, whole),
          ...tileIds.map((id) => association(id, [1, 3])),
          ...ofAlpha(association(alphaId, [2, kindOfAlpha])),
          ...alphaIds.map((id) => association(id, [alphaTile, 3])),
        ),
      ),
      box("idat", grid),
      full(
        "iloc",
        1,
        Buffer.from([0x44, 0]),
        u16(grids.length + data.length),
        ...grids.map(inIdat),
        ...places,
      ),
    );
  };
  const ftyp = box("ftyp", brand, u32(0), "mif1", brand);
  const mdatAt = ftyp.length + metaWith(0).length + 8;
  return Buffer.concat([ftyp, metaWith(mdatAt), box("mdat", ...data)]) as Buffer<ArrayBuffer>;
}

function box(type: string, ...parts: (Buffer | string)[]): Buffer {
  const content = Buffer.concat(
    parts.map((part) => (typeof part === "string" ? Buffer.from(part, "latin1") : part)),
  );
  return Buffer.concat([u32(8 + content.length), Buffer.from(type, "latin1"), content]);
}

const full = (type: string, version: number, ...parts: (Buffer | string)[]) =>
  box(type, Buffer.from([version, 0, 0, 0]), ...parts);
const item = (id: number, type: string) => full("infe", 2, u16(id), u16(0), type, "\0");

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

function boxIn(file: Buffer, type: string): Buffer {
  const from = file.indexOf(type, 0, "latin1") - 4;
  return file.subarray(from, from + file.readUInt32BE(from));
}

/** Small files have their picture at the end. */
function dataOf(file: Buffer): Buffer {
  return file.subarray(file.indexOf("mdat", 0, "latin1") + 4);
}
