import { type FileHandle, open, rm, stat } from "node:fs/promises";
import { ChildFailed } from "./child-run.ts";
import { chooseCoverMs, SAMPLE_FILTER, SAMPLED_SECONDS, SAMPLES_PER_SECOND } from "./cover-choice.ts";
import { SNIFF_BYTES, sniffPicture, sniffVideo } from "./magic.ts";
import type { MediaEngine, Run, SourceFile } from "./media-engine.ts";
import type { MediaLimits } from "./media-limits.ts";
import type { MediaInfo, MediaTool } from "./media-tool.ts";
import { readMp4Layout } from "./mp4-boxes.ts";
import { PICTURE_HEADER_BYTES, readPictureHeader } from "./picture-header.ts";
import { coverFilter, pictureFilter, planStreams } from "./plan.ts";
import { refusals } from "./refusals.ts";
import { acceptVideo, chooseStreams, isCutShort, PICTURE_DEMUXERS, VIDEO_DEMUXERS } from "./rules.ts";

/** Puts the rules before an engine: what to refuse, what to make, within which limits. */
export function createMediaTool(engine: MediaEngine, limits: MediaLimits): MediaTool {
  const videoRun = (timeoutMs: number, signal: AbortSignal): Run => ({
    signal,
    timeoutMs,
    maxPixels: limits.maxFramePixels,
  });

  return {
    name: engine.name,

    async probe(path, { signal } = { signal: new AbortController().signal }) {
      const file = await openSource(path);
      try {
        const first = await readFirst(file.handle, SNIFF_BYTES);
        const container = sniffVideo(first);
        if (!container) throw refusals.notAVideo();
        const bounds = { signal, timeoutMs: limits.probeTimeoutMs };
        const layout = container === "mp4" ? await readMp4Layout(file.handle, file.sizeBytes, bounds) : null;
        if (layout && (!layout.hasIndex || layout.truncated)) throw refusals.videoDamaged();

        const source: SourceFile = { path, demuxer: VIDEO_DEMUXERS[container] };
        const run = videoRun(limits.probeTimeoutMs, signal);
        return await blaming(refusals.videoDamaged, async () => {
          const facts = await engine.inspect(source, run);
          const { video } = chooseStreams(facts);
          const durationMs = facts.durationMs ?? (video ? await engine.measure(source, video.index, run) : 0);
          const info = acceptVideo({ ...facts, durationMs }, { ...file, container, layout }, limits);
          const seen = await engine.sample(
            { source, stream: info.videoStream, filter: SAMPLE_FILTER, maxFrames: 1 },
            run,
          );
          if (seen.length === 0) throw refusals.videoDamaged();
          return info;
        });
      } finally {
        await file.handle.close();
      }
    },

    rendition: (input, output, info, { maxShortSidePx, onProgress, signal }) =>
      replacing(output, refusals.videoDamaged, async () => {
        const { video, audio } = planStreams(info, maxShortSidePx);
        let done = 0;
        const endMs = await engine.convert(
          { source: sourceOf(input, info), output, video, audio, maxOutputBytes: limits.maxOutputBytes },
          videoRun(limits.renditionTimeoutMs, signal),
          (outMs) => {
            done = Math.max(done, Math.min(1, outMs / info.durationMs));
            onProgress?.(done);
          },
        );
        // Engines stop quietly at the size limit, and at the end of what can be read.
        if ((await stat(output)).size >= limits.maxOutputBytes) throw refusals.renditionTooLarge();
        if (isCutShort(info.durationMs, endMs)) throw refusals.videoDamaged();
        onProgress?.(1);
        return { copied: video.encode === null && !audio?.encode };
      }),

    cover: (input, output, info, { signal }) =>
      replacing(output, refusals.videoDamaged, async () => {
        const pictures = { source: sourceOf(input, info), stream: info.videoStream };
        const run = videoRun(limits.stillTimeoutMs, signal);
        const maxFrames = SAMPLES_PER_SECOND * SAMPLED_SECONDS;
        const samples = await engine.sample({ ...pictures, filter: SAMPLE_FILTER, maxFrames }, run);
        const still = { ...pictures, filter: coverFilter(info), output };
        await engine.still({ ...still, atMs: chooseCoverMs(samples) }, run);
        if (await hasContent(output)) return;
        // Nothing is written past the last frame.
        await engine.still({ ...still, atMs: 0 }, run);
        if (!(await hasContent(output))) throw refusals.videoDamaged();
      }),

    async picture(input, output, { signal, ...box }) {
      const file = await openSource(input);
      const first = await readFirst(file.handle, PICTURE_HEADER_BYTES).finally(() => file.handle.close());
      const format = sniffPicture(first);
      if (!format) throw refusals.notAPicture();
      const header = readPictureHeader(format, first);
      if (!header) throw refusals.pictureDamaged();
      if (header.width * header.height > limits.maxPicturePixels) throw refusals.pictureTooLarge(limits);

      const source = { path: input, demuxer: PICTURE_DEMUXERS[format] };
      const filter = pictureFilter(format, header, box);
      const run = { signal, timeoutMs: limits.stillTimeoutMs, maxPixels: limits.maxPicturePixels };
      await replacing(output, refusals.pictureDamaged, async () => {
        await engine.still({ source, stream: 0, atMs: 0, filter, output }, run);
        if (!(await hasContent(output))) throw refusals.pictureDamaged();
      });
    },
  };
}

function sourceOf(path: string, info: MediaInfo): SourceFile {
  return { path, demuxer: VIDEO_DEMUXERS[info.container] };
}

async function openSource(path: string): Promise<{ handle: FileHandle; sizeBytes: number }> {
  const handle = await open(path);
  const { size } = await handle.stat();
  if (size > 0) return { handle, sizeBytes: size };
  await handle.close();
  throw refusals.emptyFile();
}

async function readFirst(handle: FileHandle, bytes: number): Promise<Buffer> {
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(bytes), 0, bytes, 0);
  return buffer.subarray(0, bytesRead);
}

async function hasContent(path: string): Promise<boolean> {
  return await stat(path).then(
    ({ size }) => size > 0,
    () => false,
  );
}

/** Runs a step whose failure is the media's fault; the engine's own words stay as the cause, for the log. */
async function blaming<T>(refusal: () => Error, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof ChildFailed)) throw error;
    throw Object.assign(refusal(), { cause: error });
  }
}

/** Leaves either a whole output or none. */
async function replacing<T>(output: string, refusal: () => Error, step: () => Promise<T>): Promise<T> {
  await rm(output, { force: true });
  try {
    return await blaming(refusal, step);
  } catch (error) {
    await rm(output, { force: true });
    throw error;
  }
}
