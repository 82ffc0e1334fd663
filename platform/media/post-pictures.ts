import { type FileHandle, readFile, writeFile } from "node:fs/promises";
import { blaming, hasContent, openSource, readFirst, replacing } from "./file-steps.ts";
import { onlyPicture } from "./jpeg-segments.ts";
import { type PostPictureFormat, SNIFF_BYTES, sniffPostPicture } from "./magic.ts";
import type { MediaEngine, Run, Upright } from "./media-engine.ts";
import type { MediaLimits } from "./media-limits.ts";
import type { Media, PictureSize } from "./media-tool.ts";
import { PICTURE_HEADER_BYTES, type PictureHeader, readExif, readPictureHeader } from "./picture-header.ts";
import { fitInto, pictureFilter } from "./plan.ts";
import { refusals } from "./refusals.ts";
import { PICTURE_DEMUXERS } from "./rules.ts";

/** What decoders call them: a file that contains another codec is none of these. */
const CODECS: Record<PostPictureFormat, string> = { jpeg: "mjpeg", png: "png", webp: "webp", avif: "av1" };
const AS_STORED: Upright = { rotation: 0, mirrored: false };
/** A WebP has its Exif after the picture; other chunks than these few are rare. */
const MOST_CHUNKS = 32;
const MOST_EXIF_BYTES = 64 * 1024;

/** Whether a file is to be looked at as a picture, and not as a video. */
export async function claimsPicture(path: string): Promise<boolean> {
  const { handle } = await openSource(path);
  const first = await readFirst(handle, SNIFF_BYTES).finally(() => handle.close());
  return sniffPostPicture(first) !== null;
}

/** Pictures of posts, in an engine's children. */
export function postPictures(
  engine: MediaEngine,
  limits: MediaLimits,
): Pick<Media, "pictureInfo" | "pictureSizes"> {
  const run = (signal: AbortSignal, timeoutMs: number): Run => ({
    signal,
    timeoutMs,
    maxPixels: limits.maxPicturePixels,
  });

  function accept({ width, height }: PictureSize): void {
    const [short, long] = [Math.min(width, height), Math.max(width, height)];
    if (width * height > limits.maxPicturePixels) throw refusals.pictureTooLarge(limits);
    if (short < limits.minPictureSidePx || long > short * limits.maxPictureRatio)
      throw refusals.pictureShape(limits);
  }

  return {
    async pictureInfo(path, { signal }) {
      const { handle, sizeBytes } = await openSource(path);
      let first: Buffer;
      let upright: Upright | undefined;
      try {
        first = await readFirst(handle, PICTURE_HEADER_BYTES);
        upright = await uprightOfWebp(first, handle);
      } finally {
        await handle.close();
      }
      const format = sniffPostPicture(first);
      if (format === null) throw refusals.notAPicture();
      if (sizeBytes > limits.maxPictureBytes) throw refusals.pictureFileTooLarge(limits);
      if (format === "gif" || format === "heic" || format === "moving")
        throw refusals.pictureUnsupported(format);
      // Before a child has to read it.
      const header = readHeader(format, first);
      if (header.width > 0) accept(header);
      return blaming(refusals.pictureDamaged, async () => {
        const source = { path, demuxer: PICTURE_DEMUXERS[format] };
        const { streams } = await engine.inspect(source, run(signal, limits.probeTimeoutMs));
        const stream = streams.find(({ kind, codec }) => kind === "video" && codec === CODECS[format]);
        if (!stream || stream.width <= 0 || stream.height <= 0) throw refusals.pictureDamaged();
        accept(stream);
        const [seen] = await engine.decodable(source, [stream], run(signal, limits.probeTimeoutMs));
        if (!seen) throw refusals.pictureDamaged();
        const as = upright ?? header.upright;
        const [width, height] =
          as.rotation % 180 === 0 ? [stream.width, stream.height] : [stream.height, stream.width];
        const none = { durationMs: 0, notices: [] } as const;
        return { picture: format, width, height, upright: as, stream: stream.index, ...none, notices: [] };
      });
    },

    async pictureSizes(input, outputs, info, { signal }) {
      const made: PictureSize[] = [];
      const turned = info.upright.rotation % 180 !== 0;
      const stored = turned ? { width: info.height, height: info.width } : info;
      // The smaller ones are made from the largest: a stranger's file is decoded once.
      let from = {
        source: { path: input, demuxer: PICTURE_DEMUXERS[info.picture] },
        stream: info.stream,
        format: info.picture,
        header: { width: stored.width, height: stored.height, upright: info.upright } as PictureHeader,
      };
      for (const { output, ...box } of outputs) {
        const { source, stream, format, header } = from;
        await replacing(output, refusals.pictureDamaged, async () => {
          const filter = pictureFilter(format, header, box);
          const still = { source, stream, atMs: 0, filter, output };
          await engine.still(still, run(signal, limits.stillTimeoutMs));
          const bare = (await hasContent(output)) && onlyPicture(await readFile(output));
          if (!bare) throw refusals.pictureDamaged();
          await writeFile(output, bare);
        });
        made.push(fitInto(made[0] ?? info, box));
        if (made.length === 1)
          from = {
            source: { path: output, demuxer: PICTURE_DEMUXERS.jpeg },
            stream: 0,
            format: "jpeg",
            header: { ...made[0]!, upright: AS_STORED },
          };
      }
      return made;
    },
  };
}

/** Of an AVIF only the decoder tells the size. Error: PICTURE_DAMAGED. */
function readHeader(format: PostPictureFormat, first: Buffer): PictureHeader {
  if (format === "avif") return { width: 0, height: 0, upright: uprightOfAvif(first) };
  const header = readPictureHeader(format, first);
  if (!header) throw refusals.pictureDamaged();
  return format === "png" ? { ...header, upright: uprightOfPng(first) } : header;
}

/** The chunk `eXIf`, which precedes the picture. */
function uprightOfPng(first: Buffer): Upright {
  for (let at = 8; at + 8 <= first.length; at += 12 + first.readUInt32BE(at)) {
    const type = first.toString("latin1", at + 4, at + 8);
    if (type === "eXIf") return readExif(first.subarray(at + 8, at + 8 + first.readUInt32BE(at)));
    if (type === "IDAT") break;
  }
  return AS_STORED;
}

/** Undefined for another format, or one without Exif. */
async function uprightOfWebp(first: Buffer, handle: FileHandle): Promise<Upright | undefined> {
  if (sniffPostPicture(first) !== "webp" || first.toString("latin1", 12, 16) !== "VP8X") return undefined;
  const head = Buffer.alloc(8);
  for (let at = 12, chunks = 0; chunks < MOST_CHUNKS; chunks++) {
    if ((await handle.read(head, 0, 8, at)).bytesRead < 8) return undefined;
    const bytes = head.readUInt32LE(4);
    if (head.toString("latin1", 0, 4) === "EXIF") {
      const exif = Buffer.alloc(Math.min(bytes, MOST_EXIF_BYTES));
      await handle.read(exif, 0, exif.length, at + 8);
      return readExif(exif.toString("latin1", 0, 6) === "Exif\0\0" ? exif.subarray(6) : exif);
    }
    at += 8 + bytes + (bytes % 2);
  }
  return undefined;
}

/** `irot`: quarters against the clock (ISO/IEC 23008-12). Error: PICTURE_UNSUPPORTED. */
function uprightOfAvif(first: Buffer): Upright {
  const meta = metaOf(first);
  // Not every decoder puts tiles together.
  if (meta.includes("grid", 0, "latin1")) throw refusals.pictureUnsupported("tiles");
  const at = meta.indexOf("\0\0\0\x09irot", 0, "latin1");
  if (at < 0 || at + 8 >= meta.length) return AS_STORED;
  const rotation = ([0, 270, 180, 90] as const)[meta[at + 8]! & 3]!;
  return { rotation, mirrored: false };
}

/** The box that says what the file consists of. Error: PICTURE_DAMAGED. */
function metaOf(first: Buffer): Buffer {
  for (let at = 0; at + 8 <= first.length; ) {
    const bytes = first.readUInt32BE(at);
    if (bytes < 8) break;
    if (first.toString("latin1", at + 4, at + 8) === "meta") return first.subarray(at, at + bytes);
    at += bytes;
  }
  throw refusals.pictureDamaged();
}
