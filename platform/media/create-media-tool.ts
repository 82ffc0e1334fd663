import { type FileHandle, readFile, rm, stat } from "node:fs/promises";
import { rgbaToThumbHash } from "thumbhash";
import { ChildFailed } from "./child-run.ts";
import { chooseCoverTimesMs, SAMPLE_FILTER, SAMPLED_SECONDS, SAMPLES_PER_SECOND } from "./cover-choice.ts";
import { type Encoder, SOFTWARE } from "./encoders.ts";
import { blaming, hasContent, openSource, readFirst, replacing } from "./file-steps.ts";
import { readFragments } from "./fragments.ts";
import { isPlainSequence } from "./h264.ts";
import { loudnessFilters } from "./loudness.ts";
import { SNIFF_BYTES, sniffAnyPicture, sniffPostPicture, sniffVideo, type VideoContainer } from "./magic.ts";
import { readMatroskaLayout } from "./matroska-elements.ts";
import type { MediaEngine, Run, SourceFile, StreamFacts } from "./media-engine.ts";
import type { MediaLimits } from "./media-limits.ts";
import type { Crop, Media, MediaInfo, MediaNotice, PictureSize, RenditionInfo, Rung } from "./media-tool.ts";
import { readMp4Layout, type WalkBounds } from "./mp4-boxes.ts";
import type { StreamSpan } from "./packet-survey.ts";
import {
  coverFilter,
  ladderBytes,
  measuredSound,
  planLadder,
  planStreams,
  SHORT_FRAGMENTS,
  storyboardPicture,
} from "./plan.ts";
import { postPictures } from "./post-pictures.ts";
import { drawPicture, withPicture } from "./readable-picture.ts";
import { refusals } from "./refusals.ts";
import { isRiffCutOff } from "./riff-chunks.ts";
import {
  acceptPicture,
  chooseVideo,
  describeVideo,
  displayedSize,
  isCutShort,
  isFat,
  isHdr,
  mayComply,
  PICTURE_DEMUXERS,
  soundsOf,
  uprightOf,
  VIDEO_DEMUXERS,
} from "./rules.ts";
import { planStoryboard } from "./storyboard.ts";
import { timelineOf } from "./timeline.ts";

/** Applies the rules to an engine: what to refuse, what to make, within which limits. */
export function createMediaTool(
  engine: MediaEngine,
  limits: MediaLimits,
  /** Encoders that work here, beside software. */
  hardware: readonly Encoder[] = [],
  log?: { warn?(fields: object, message: string): void },
): Media & { readonly name: string } {
  const videoRun = (timeoutMs: number, signal: AbortSignal): Run => ({
    signal,
    timeoutMs,
    maxPixels: limits.maxFramePixels,
  });

  async function examine(
    source: SourceFile,
    { crops, ...file }: { container: VideoContainer; sizeBytes: number } & Layout,
    run: Run,
  ): Promise<MediaInfo> {
    const { container, wholeBytes } = file;
    const options = { wholeBytes, startsAtZero: container === "mp4" };
    const whole = { ...run, timeoutMs: limits.surveyTimeoutMs };
    const { facts, spans } = await engine.survey(source, options, whole);
    const video = chooseVideo(facts);
    acceptPicture(video, limits);
    const spanOf = (stream: StreamFacts) =>
      spans.find(({ index, packets }) => index === stream.index && packets > 0);
    const picture = spanOf(video);
    if (!picture) throw refusals.videoDamaged();
    const [sound, ...otherSounds] = soundsOf(facts).filter(spanOf);
    const found = await engine.decodable(source, sound ? [video, sound] : [video], run);
    if (!found.includes(video)) throw refusals.videoDamaged();

    const notices: MediaNotice[] = wholeBytes === null ? [] : ["VIDEO_CUT_OFF"];
    let audio = found.find((stream) => stream === sound) ?? null;
    for (const other of otherSounds.slice(0, MOST_OTHER_SOUNDS))
      audio ??= (await engine.decodable(source, [other], run))[0] ?? null;
    if (
      !audio &&
      facts.streams.some(
        (stream) => stream.kind === "audio" && (spanOf(stream) || stream.codec === "unknown"),
      )
    )
      notices.push("SOUND_LEFT_OUT");

    // A stream whose bit rate is too high to be copied need not be read to find out.
    const fat = isFat(file.sizeBytes, timelineOf(picture, (audio && spanOf(audio)) ?? null).durationMs);
    const mightBeCopied = !fat && mayComply(container, video);
    // Demuxers leave out what an edit list hides, but a copy may include it.
    const mayHide =
      container === "mp4" &&
      !fat &&
      (mightBeCopied || audio?.codec === "aac") &&
      [video, audio].some((stream) => stream && !isWhole(stream, spanOf(stream)!));
    const everything = mayHide
      ? (await engine.survey({ ...source, ignoreEdits: true }, options, whole)).spans
      : spans;
    const leftOut = (stream: StreamFacts) => {
      if (fat) return Number.POSITIVE_INFINITY;
      const sum = (all: StreamSpan[]) => {
        const span = all.find(({ index }) => index === stream.index);
        return span ? span.shownMs + span.hiddenMs : 0;
      };
      return Math.max(0, sum(everything) - sum(spans));
    };
    const sequences = mightBeCopied ? await engine.sequences(source, video.index, whole) : [];
    return describeVideo(
      {
        ...file,
        video,
        audio,
        spans: { video: picture, audio: (audio && spanOf(audio)) ?? null },
        crop: crops[video.index] ?? null,
        light: isHdr(video) ? await engine.light(source, video.index, run) : null,
        plainPicture: sequences.length === 1 && isPlainSequence(sequences[0]!),
        hiddenMs: { video: leftOut(video), audio: audio ? leftOut(audio) : 0 },
        notices,
      },
      limits,
    );
  }

  /** Our own file, whose header can be trusted. */
  async function describeRendition(path: string, run: Run): Promise<RenditionInfo> {
    const facts = await engine.inspect({ path, demuxer: VIDEO_DEMUXERS.mp4 }, run);
    const video = chooseVideo(facts);
    if (!video || !facts.durationMs) throw refusals.videoDamaged();
    const upright = uprightOf(video.displayMatrix);
    return {
      durationMs: Math.max(1, Math.round(facts.durationMs)),
      ...displayedSize(video, null, upright),
      ...upright,
      notices: [],
    };
  }

  return {
    name: engine.name,
    ...postPictures(engine, limits),

    async probe(path, { signal } = { signal: new AbortController().signal }) {
      const file = await openSource(path);
      try {
        const first = await readFirst(file.handle, SNIFF_BYTES);
        const container = sniffVideo(first);
        if (!container) throw refusals.notAVideo();
        const layout = await readLayout(container, file, { signal, timeoutMs: limits.probeTimeoutMs });
        const source: SourceFile = { path, demuxer: VIDEO_DEMUXERS[container] };
        const run = { ...videoRun(limits.probeTimeoutMs, signal), awaited: true };
        const found = { container, sizeBytes: file.sizeBytes, ...layout };
        return await blaming(refusals.videoDamaged, () => examine(source, found, run));
      } finally {
        await file.handle.close();
      }
    },

    rendition: (input, output, info, { maxShortSidePx, onProgress, signal }) =>
      replacing(output, refusals.videoDamaged, async () => {
        const run = videoRun(limits.renditionTimeoutMs, signal);
        let done = 0;
        const { maxOutputBytes } = limits;
        const samples = { filter: SAMPLE_FILTER, output: `${output}.samples` };
        const convert = (streams: ReturnType<typeof planStreams>) =>
          engine.convert(
            {
              ...{ source: sourceOf(input, info), output, ...streams, maxOutputBytes },
              ...(streams.video.encode && { samples }),
            },
            run,
            (outMs) => {
              done = Math.max(done, Math.min(1, outMs / info.durationMs));
              onProgress?.(done);
            },
          );
        const attempts = waysToConvert(info, maxShortSidePx);
        let streams = attempts.next().value!;
        let sampled: Buffer | undefined;
        try {
          for (;;)
            try {
              await convert(streams);
              break;
            } catch (error) {
              const other = attempts.next();
              if (!(error instanceof ChildFailed) || other.done) throw error;
              streams = other.value;
            }
          if (streams.video.encode) sampled = await readFile(samples.output);
        } finally {
          await rm(samples.output, { force: true });
        }
        // Engines stop without an error at the size limit and at the end of readable data.
        if ((await stat(output)).size >= limits.maxOutputBytes) throw refusals.renditionTooLarge();
        const made = await describeRendition(output, run);
        const notices = [...info.notices];
        if (info.audioStream !== null && !streams.audio) notices.push("SOUND_LEFT_OUT");
        else if (isCutShort(info.durationMs, made.durationMs)) throw refusals.videoDamaged();
        onProgress?.(1);
        return {
          copied: streams.video.encode === null && !streams.audio?.encode,
          info: { ...made, notices },
          ...(sampled && { samples: sampled }),
        };
      }),

    async ladder(input, rungs, info, { signal, loudness }) {
      // With one thread and several encoders it may take a multiple of the time.
      const run = videoRun(limits.renditionTimeoutMs * rungs.length, signal);
      const gain = loudness ? loudnessFilters(loudness.measured, loudness.targetLufs) : [];
      const sides = rungs.map(({ shortSidePx }) => shortSidePx);
      const mostBytes = ROOM_OF_RUNGS * ladderBytes(info, sides) + ROOM_OF_FILES;
      const outputs = rungs.map(({ output }) => output);

      async function makeWith(encoder: Encoder): Promise<Rung[]> {
        const { maxOutputBytes } = limits;
        const plan = planLadder(info, rungs, gain, encoder);
        const size = watchSizes(outputs, Math.min(maxOutputBytes, mostBytes));
        try {
          await engine.ladder(
            { source: sourceOf(input, info), maxOutputBytes, ...plan },
            { ...run, signal: AbortSignal.any([run.signal, size.signal]) },
          );
        } finally {
          size.stop();
        }
        const made: Rung[] = [];
        for (const { output, width, height } of plan.rungs) {
          const table = await readFragments(output);
          const us = table.fragments.reduce((sum, { durationUs }) => sum + durationUs, 0);
          if (isCutShort(info.durationMs, us / 1000)) throw refusals.videoDamaged();
          made.push({ ...table, width, height, fps: plan.video.encode.frameRate });
        }
        return made;
      }

      try {
        for (const encoder of hardware)
          try {
            const made = await makeWith(encoder);
            if (made.every(({ fragments }) => beginsAsPlanned(fragments))) return made;
            log?.warn?.(
              { encoder: encoder.name },
              "media: an encoder sets key frames elsewhere; software is used",
            );
          } catch (error) {
            if (signal.aborted) throw error;
            log?.warn?.({ err: error, encoder: encoder.name }, "media: an encoder failed; software is used");
          }
        return await blaming(refusals.videoDamaged, () => makeWith(SOFTWARE));
      } catch (error) {
        for (const output of outputs) await rm(output, { force: true });
        throw error;
      }
    },

    async loudness(input, info, { signal }) {
      if (info.audioStream === null) return null;
      const source = sourceOf(input, info);
      const { baseMs } = info.timeline;
      const job = { source, stream: info.audioStream, baseMs, filter: measuredSound(info) };
      try {
        return await engine.loudness(job, videoRun(limits.renditionTimeoutMs, signal));
      } catch (error) {
        // Sound that changes its form in the middle, say.
        if (error instanceof ChildFailed) return null;
        throw error;
      }
    },

    storyboard: (rung, output, info, { signal }) =>
      replacing(output, refusals.videoDamaged, async () => {
        const storyboard = planStoryboard(info);
        const source = { path: rung, demuxer: VIDEO_DEMUXERS.mp4 };
        const job = { source, stream: 0, atMs: 0, output, ofAll: true };
        await engine.still(
          { ...job, filter: storyboardPicture(storyboard) },
          videoRun(limits.renditionTimeoutMs, signal),
        );
        if (!(await hasContent(output))) throw refusals.videoDamaged();
        return storyboard;
      }),

    cover: (input, output, { info, samples }, { signal }) =>
      replacing(output, refusals.videoDamaged, async () => {
        const pictures = { source: { path: input, demuxer: VIDEO_DEMUXERS.mp4 }, stream: 0 };
        const run = videoRun(limits.stillTimeoutMs, signal);
        const maxFrames = SAMPLES_PER_SECOND * SAMPLED_SECONDS;
        const sampled =
          samples ?? (await engine.sample({ ...pictures, filter: SAMPLE_FILTER, maxFrames }, run));
        const still = { ...pictures, filter: coverFilter(info), output };
        const times = chooseCoverTimesMs(sampled);
        await engine.still({ ...still, atMs: times[0] }, run);
        if (await hasContent(output)) return times;
        // Nothing is written after the last frame.
        await engine.still({ ...still, atMs: 0 }, run);
        if (!(await hasContent(output))) throw refusals.videoDamaged();
        return [0];
      }),

    frame: (input, output, info, { atMs, signal }) =>
      replacing(output, refusals.videoDamaged, async () => {
        const still = { source: { path: input, demuxer: VIDEO_DEMUXERS.mp4 }, stream: 0, output };
        const run = videoRun(limits.stillTimeoutMs, signal);
        // Nothing is written after the last frame, which may come before the end.
        for (const ms of [atMs, Math.max(0, atMs - BEFORE_THE_END_MS), 0]) {
          await engine.still({ ...still, atMs: ms, filter: coverFilter(info) }, run);
          if (await hasContent(output)) return;
        }
        throw refusals.videoDamaged();
      }),

    placeholder: (cover, size, { signal }) =>
      blaming(refusals.videoDamaged, async () => {
        const source = { path: cover, demuxer: PICTURE_DEMUXERS.jpeg };
        const { width, height } = placeholderSize(size);
        const filter = `scale=${width}:${height}:flags=area,format=rgba`;
        const run = videoRun(limits.stillTimeoutMs, signal);
        const pixels = await engine.sample({ source, stream: 0, filter, maxFrames: 1 }, run);
        if (pixels.length !== width * height * 4) throw refusals.videoDamaged();
        return Buffer.from(rgbaToThumbHash(width, height, pixels)).toString("base64");
      }),

    async picture(input, output, { signal, ...box }) {
      const file = await openSource(input);
      const first = await readFirst(file.handle, SNIFF_BYTES).finally(() => file.handle.close());
      const format = sniffAnyPicture(first);
      if (!format) throw refusals.notAPicture();
      // Of a GIF the first picture is taken; no engine reads those of a WebP.
      if (format === "webp" && sniffPostPicture(first) === "moving")
        throw refusals.pictureUnsupported("moving");
      const accept = ({ width, height }: PictureSize) => {
        if (width * height > limits.maxPicturePixels) throw refusals.pictureTooLarge(limits);
      };
      const bounds = { timeoutMs: limits.stillTimeoutMs, maxPixels: limits.maxPicturePixels };
      const run = { signal, awaited: true, ...bounds };
      await withPicture(input, output, format, accept, (picture) =>
        replacing(output, refusals.pictureDamaged, async () => {
          for (const tiles of [picture.tiles, picture.tiles?.alpha]) {
            if (!tiles) continue;
            const [stored] = (await engine.inspect(tiles.source, run)).streams;
            if (stored?.width !== tiles.width || stored.height !== tiles.height)
              throw refusals.pictureDamaged();
          }
          await drawPicture(engine, format, { ...picture, stream: 0 }, box, output, run);
          if (!(await hasContent(output))) throw refusals.pictureDamaged();
        }),
      );
    },
  };
}

/** Beside the first one: each that cannot be decoded costs a child. */
const MOST_OTHER_SOUNDS = 4;

/** Rungs need what their bit rates say, give or take; more is a mistake, and the disk is not there for it. */
const ROOM_OF_RUNGS = 2;
const ROOM_OF_FILES = 16 * 1024 ** 2;
const SIZE_WATCH_MS = 500;

/** Some seconds in, at the latest, there are the fragments that players begin with. */
function beginsAsPlanned(fragments: readonly { durationUs: number }[]): boolean {
  const nearlyS = (us: number, seconds: number) => Math.abs(us / 1_000_000 - seconds) < 0.1;
  return fragments
    .slice(0, -1)
    .every(({ durationUs }, at) => nearlyS(durationUs, at < SHORT_FRAGMENTS ? 1 : 2));
}

/** Fires when files that are being written have become larger together than they may. */
function watchSizes(paths: string[], maxBytes: number): { signal: AbortSignal; stop(): void } {
  const tooLarge = new AbortController();
  const timer = setInterval(async () => {
    const sizes = await Promise.all(
      paths.map((path) =>
        stat(path).then(
          ({ size }) => size,
          () => 0,
        ),
      ),
    );
    if (sizes.reduce((sum, size) => sum + size, 0) > maxBytes) tooLarge.abort(refusals.renditionTooLarge());
  }, SIZE_WATCH_MS);
  return { signal: tooLarge.signal, stop: () => clearInterval(timer) };
}

const BEFORE_THE_END_MS = 1000;

/** A hash keeps less than this. */
const PLACEHOLDER_SIDE_PX = 64;

function placeholderSize({ width, height }: { width: number; height: number }) {
  const scale = PLACEHOLDER_SIDE_PX / Math.max(width, height);
  const side = (px: number) => Math.max(1, Math.round(px * scale));
  return { width: side(width), height: side(height) };
}

/** Every packet of the index has arrived, and none twice. */
function isWhole({ frames }: StreamFacts, { uniform, packets, hiddenPackets }: StreamSpan): boolean {
  return uniform && packets + hiddenPackets === frames;
}

/** What the engines do not report about a file. */
interface Layout {
  /** Truncated: it can be shown up to here. null: nothing is missing. */
  wholeBytes: number | null;
  /** The visible part of each stream's picture, null: all of it. */
  crops: (Crop | null)[];
}

async function readLayout(
  container: VideoContainer,
  { handle, sizeBytes }: { handle: FileHandle; sizeBytes: number },
  bounds: WalkBounds,
): Promise<Layout> {
  if (container === "matroska") {
    const { truncated, crops } = await readMatroskaLayout(handle, sizeBytes);
    return { wholeBytes: truncated ? sizeBytes : null, crops };
  }
  if (container === "avi")
    return { wholeBytes: (await isRiffCutOff(handle, sizeBytes)) ? sizeBytes : null, crops: [] };
  if (container !== "mp4") return { wholeBytes: null, crops: [] };
  const { hasIndex, truncated, wholeBytes, crops } = await readMp4Layout(handle, sizeBytes, bounds);
  // The complete fragments of a recording can be shown.
  if (!hasIndex || (truncated && wholeBytes === 0)) throw refusals.videoDamaged();
  return { wholeBytes: truncated ? wholeBytes : null, crops };
}

/**
 * A stream that cannot be copied can often be decoded, and a video whose sound cannot be decoded can be shown without
 * it.
 */
function* waysToConvert(info: MediaInfo, maxShortSidePx: number) {
  const planned = planStreams(info, maxShortSidePx);
  const encoded = { ...info, videoComplies: false, audioComplies: false };
  yield planned;
  if (planned.video.encode === null || planned.audio?.encode === null)
    yield planStreams(encoded, maxShortSidePx);
  if (planned.audio) yield planStreams({ ...encoded, audioStream: null }, maxShortSidePx);
}

function sourceOf(path: string, info: MediaInfo): SourceFile {
  return { path, demuxer: VIDEO_DEMUXERS[info.container] };
}
