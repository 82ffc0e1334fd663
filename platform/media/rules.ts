import type { PictureFormat, VideoContainer } from "./magic.ts";
import type { Rational, SourceFacts, StreamFacts, Upright } from "./media-engine.ts";
import type { MediaLimits } from "./media-limits.ts";
import type { MediaInfo } from "./media-tool.ts";
import type { Mp4Layout } from "./mp4-boxes.ts";
import { refusals } from "./refusals.ts";

/** What is accepted of strangers' files, and what of it needs no work. */

export const VIDEO_DEMUXERS: Record<VideoContainer, string> = {
  mp4: "mov",
  matroska: "matroska",
  avi: "avi",
  flv: "flv",
  mpegts: "mpegts",
  mpegps: "mpeg",
};

export const PICTURE_DEMUXERS: Record<PictureFormat, string> = {
  jpeg: "jpeg_pipe",
  png: "png_pipe",
  webp: "webp_pipe",
  gif: "gif",
};

/** What cameras, phones, browsers and editors write; the long tail of decoders stays shut to strangers. */
const VIDEO_CODECS = new Set([
  ...["h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "msmpeg4v3", "mpeg1video", "mpeg2video"],
  ...["h263", "flv1", "mjpeg", "prores", "dnxhd", "theora"],
]);

const HDR_TRANSFERS = new Set(["smpte2084", "arib-std-b67"]);
const MAX_FPS = 60;
/** For files that do not tell a usable rate: what screen recorders and browsers mean by it. */
const USUAL_FPS = 30;
/** More than this is not worth sending to viewers as it is. */
const MAX_COPIED_BITS_PER_SECOND = 6_000_000;
/** Of a picture's long side, as a multiple of what its short side may be. */
const MAX_SIDE_RATIO = 3;

/** Which streams of a source are used: the first moving picture and the first sound that has a name. */
export function chooseStreams(facts: SourceFacts): {
  video: StreamFacts | undefined;
  audio: StreamFacts | undefined;
} {
  return {
    video: facts.streams.find((stream) => stream.kind === "video" && !stream.attachedPicture),
    audio: facts.streams.find((stream) => stream.kind === "audio" && stream.codec !== "unknown"),
  };
}

/** Turns what a file claims into a MediaInfo or a refusal. `layout` is null for containers other than MP4. */
export function acceptVideo(
  facts: SourceFacts & { durationMs: number },
  file: { container: VideoContainer; sizeBytes: number; layout: Mp4Layout | null },
  limits: MediaLimits,
): MediaInfo {
  const { video, audio } = chooseStreams(facts);
  if (!video) throw refusals.notAVideo("The file has no moving picture");
  if (!VIDEO_CODECS.has(video.codec)) throw refusals.codecUnsupported(video.codec);
  if (video.width <= 0 || video.height <= 0 || !(facts.durationMs > 0)) throw refusals.videoDamaged();
  if (facts.durationMs > limits.maxDurationMs) throw refusals.videoTooLong(limits);

  const upright = uprightOf(video.displayMatrix);
  const size = displayedSize(video, upright);
  const longSide = Math.max(video.width, video.height, size.width, size.height);
  if (longSide > limits.maxSidePx || video.width * video.height > limits.maxFramePixels)
    throw refusals.frameTooLarge(limits);
  const used = audio ? 2 : 1;
  return {
    container: file.container,
    sizeBytes: file.sizeBytes,
    durationMs: Math.round(facts.durationMs),
    ...size,
    ...upright,
    videoCodec: video.codec,
    pixelFormat: video.pixelFormat,
    audioCodec: audio?.codec ?? null,
    audioChannels: audio?.channels ?? 0,
    fps: Math.round(toNumber(video.frameRate) * 1000) / 1000,
    outputFps: outputFps(video),
    bitsPerSecond: Math.round((file.sizeBytes * 8000) / facts.durationMs),
    hdr: HDR_TRANSFERS.has(video.transfer),
    rgb: /^(gbr|rgb|bgr|argb|abgr|0rgb|0bgr|pal8)/.test(video.pixelFormat),
    fastStart: file.layout?.fastStart ?? false,
    hasExtras:
      facts.streams.length > used || file.layout?.fragmented === true || file.layout?.hasDescription === true,
    videoStream: video.index,
    audioStream: audio?.index ?? null,
  };
}

/**
 * Whether every browser plays the file as it is, at once, and it carries nothing that its author may not
 * want to publish: then it needs no rendition at all.
 */
export function isPlayableAsIs(info: MediaInfo, maxShortSidePx: number): boolean {
  return (
    info.container === "mp4" &&
    info.fastStart &&
    !info.hasExtras &&
    canCopyVideo(info, maxShortSidePx) &&
    canCopyAudio(info)
  );
}

export function canCopyVideo(info: MediaInfo, maxShortSidePx: number): boolean {
  return (
    (info.container === "mp4" || info.container === "matroska" || info.container === "flv") &&
    info.videoCodec === "h264" &&
    (info.pixelFormat === "yuv420p" || info.pixelFormat === "yuvj420p") &&
    !info.mirrored &&
    Math.min(info.width, info.height) <= maxShortSidePx &&
    Math.max(info.width, info.height) <= maxShortSidePx * MAX_SIDE_RATIO &&
    info.fps <= MAX_FPS &&
    info.bitsPerSecond <= MAX_COPIED_BITS_PER_SECOND
  );
}

export function canCopyAudio(info: MediaInfo): boolean {
  return info.audioCodec === null || (info.audioCodec === "aac" && info.audioChannels <= 2);
}

/** Size that keeps the shape, is even, never larger than the source, and has no side out of proportion. */
export function targetSize(
  source: { width: number; height: number },
  maxShortSidePx: number,
): { width: number; height: number } {
  const short = Math.min(source.width, source.height);
  const long = Math.max(source.width, source.height);
  const scale = Math.min(1, maxShortSidePx / short, (maxShortSidePx * MAX_SIDE_RATIO) / long);
  const even = (side: number) => Math.max(2, Math.round((side * scale) / 2) * 2);
  return { width: even(source.width), height: even(source.height) };
}

/** Constant frame rate of a rendition: the source's own where that makes sense. */
export function outputFps(rates: Pick<StreamFacts, "frameRate" | "nominalFrameRate">): Rational {
  const fits = (rate: Rational) => toNumber(rate) >= 1 && toNumber(rate) <= MAX_FPS;
  if (fits(rates.nominalFrameRate)) return rates.nominalFrameRate;
  const average = toNumber(rates.frameRate);
  if (average > MAX_FPS) return { num: MAX_FPS, den: 1 };
  return average > USUAL_FPS ? rates.frameRate : { num: USUAL_FPS, den: 1 };
}

/** Reads a display matrix (ISO/IEC 14496-12, 6.2.2), whose first four linear numbers are at 0, 1, 3 and 4. */
export function uprightOf(matrix: number[] | null): Upright {
  if (!matrix) return { rotation: 0, mirrored: false };
  const [a, b, , c, d] = matrix as [number, number, number, number, number];
  const mirrored = a * d - b * c < 0;
  const degrees = (Math.atan2(mirrored ? -b : b, mirrored ? -a : a) * 180) / Math.PI;
  return { rotation: ((Math.round(degrees / 90) * 90 + 360) % 360) as Upright["rotation"], mirrored };
}

function displayedSize(video: StreamFacts, upright: Upright): { width: number; height: number } {
  const aspect = toNumber(video.pixelAspect);
  const width = aspect > 0 ? Math.max(1, Math.round(video.width * aspect)) : video.width;
  return upright.rotation % 180 === 0
    ? { width, height: video.height }
    : { width: video.height, height: width };
}

function toNumber(rational: Rational): number {
  return rational.den === 0 ? 0 : rational.num / rational.den;
}

/** Whether a rendition ends well before its source was said to end: the source is cut off in its middle. */
export function isCutShort(promisedMs: number, endMs: number): boolean {
  return endMs < promisedMs * 0.9 - 1000;
}
