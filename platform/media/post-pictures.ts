import { readFile, writeFile } from "node:fs/promises";
import { SAMPLE_BYTES, SAMPLE_SIZE } from "./cover-choice.ts";
import { blaming, hasContent, openSource, readFirst, replacing } from "./file-steps.ts";
import { isWholeJpeg, onlyPicture } from "./jpeg-segments.ts";
import { type PostPictureFormat, SNIFF_BYTES, sniffPostPicture } from "./magic.ts";
import type { MediaEngine, Run, StreamFacts, Upright } from "./media-engine.ts";
import type { MediaLimits } from "./media-limits.ts";
import type { Media, PictureSize } from "./media-tool.ts";
import { fitInto } from "./plan.ts";
import { drawPicture, type ReadablePicture, type Tiles, withPicture } from "./readable-picture.ts";
import { refusals } from "./refusals.ts";
import { PICTURE_DEMUXERS } from "./rules.ts";

/** What decoders call them: a file that contains another codec is none of these. */
const CODECS: Record<PostPictureFormat, string> = {
  jpeg: "mjpeg",
  png: "png",
  webp: "webp",
  avif: "av1",
  heic: "hevc",
};
const AS_STORED: Upright = { rotation: 0, mirrored: false };

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
    awaited: true,
    maxPixels: limits.maxPicturePixels,
  });

  function accept({ width, height }: PictureSize): void {
    const [short, long] = [Math.min(width, height), Math.max(width, height)];
    if (width * height > limits.maxPicturePixels) throw refusals.pictureTooLarge(limits);
    if (short < limits.minPictureSidePx || long > short * limits.maxPictureRatio)
      throw refusals.pictureShape(limits);
  }

  /** One that is missing would move the others. */
  async function seeTiles(
    { source, count, width, height }: Tiles,
    stored: StreamFacts | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    if (stored?.width !== width || stored.height !== height) throw refusals.pictureDamaged();
    const all = { source, stream: stored.index, filter: SAMPLE_SIZE, maxFrames: count };
    const seen = await engine.sample(all, run(signal, limits.stillTimeoutMs));
    if (seen.length !== count * SAMPLE_BYTES) throw refusals.pictureDamaged();
  }

  return {
    async pictureInfo(path, { signal }) {
      const { handle, sizeBytes } = await openSource(path);
      const first = await readFirst(handle, SNIFF_BYTES).finally(() => handle.close());
      const format = sniffPostPicture(first);
      if (format === null) throw refusals.notAPicture();
      if (sizeBytes > limits.maxPictureBytes) throw refusals.pictureFileTooLarge(limits);
      if (format === "gif" || format === "moving") throw refusals.pictureUnsupported(format);
      if (format === "jpeg" && !isWholeJpeg(await readFile(path))) throw refusals.pictureDamaged();
      return blaming(refusals.pictureDamaged, () =>
        withPicture(path, path, format, accept, async ({ source, header, tiles }) => {
          const { streams } = await engine.inspect(source, run(signal, limits.probeTimeoutMs));
          const stream = streams.find(({ kind, codec }) => kind === "video" && codec === CODECS[format]);
          if (!stream || stream.width <= 0 || stream.height <= 0) throw refusals.pictureDamaged();
          if (tiles) {
            await seeTiles(tiles, stream, signal);
            if (tiles.alpha) {
              const [stored] = (await engine.inspect(tiles.alpha.source, run(signal, limits.probeTimeoutMs)))
                .streams;
              await seeTiles(tiles.alpha, stored, signal);
            }
          } else {
            accept(stream);
            const [seen] = await engine.decodable(source, [stream], run(signal, limits.probeTimeoutMs));
            if (!seen) throw refusals.pictureDamaged();
          }
          const { upright } = header;
          const stored = tiles ? header : stream;
          const [width, height] =
            upright.rotation % 180 === 0 ? [stored.width, stored.height] : [stored.height, stored.width];
          const none = { durationMs: 0, notices: [] } as const;
          return { picture: format, width, height, upright, stream: stream.index, ...none, notices: [] };
        }),
      );
    },

    pictureSizes: (input, outputs, info, { signal }) =>
      withPicture(input, outputs[0]!.output, info.picture, accept, async (picture) => {
        const made: PictureSize[] = [];
        // The smaller ones are made from the largest: a stranger's file is decoded once.
        let from: ReadablePicture & { stream: number } = {
          ...picture,
          stream: info.stream,
        };
        for (const { output, ...box } of outputs) {
          const format = made.length === 0 ? info.picture : "jpeg";
          const { profile } = from.tiles ?? {};
          await replacing(output, refusals.pictureDamaged, async () => {
            await drawPicture(engine, format, from, box, output, run(signal, limits.stillTimeoutMs));
            const bare = (await hasContent(output)) && onlyPicture(await readFile(output), profile);
            if (!bare) throw refusals.pictureDamaged();
            await writeFile(output, bare);
          });
          made.push(fitInto(made[0] ?? info, box));
          if (made.length === 1)
            from = {
              source: { path: output, demuxer: PICTURE_DEMUXERS.jpeg },
              stream: 0,
              header: { ...made[0]!, upright: AS_STORED },
              tiles: null,
            };
        }
        return made;
      }),
  };
}
