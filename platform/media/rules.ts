import type { PictureFormat, PostPictureFormat, VideoContainer } from "./magic.ts";
import type { LightFacts, Rational, SourceFacts, StreamFacts, Upright } from "./media-engine.ts";
import type { MediaLimits } from "./media-limits.ts";
import {
  type Crop,
  MEDIA_INFO_FORM,
  type MediaInfo,
  type MediaNotice,
  type WidePrimaries,
} from "./media-tool.ts";
import type { StreamSpan } from "./packet-survey.ts";
import { refusals } from "./refusals.ts";
import { timelineOf } from "./timeline.ts";

/** Which files are accepted, and which streams can be copied. */

export const VIDEO_DEMUXERS: Record<VideoContainer, string> = {
  mp4: "mov",
  matroska: "matroska",
  avi: "avi",
  flv: "flv",
  mpegts: "mpegts",
  mpegps: "mpeg",
};

export const PICTURE_DEMUXERS: Record<PictureFormat | PostPictureFormat, string> = {
  jpeg: "jpeg_pipe",
  png: "png_pipe",
  webp: "webp_pipe",
  gif: "gif",
  // Bare streams: see heif.ts.
  avif: "obu",
  heic: "hevc",
};

/** What cameras, phones, browsers and editors write; other decoders stay closed to strangers. */
const VIDEO_CODECS = new Set([
  ...["h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "msmpeg4v3", "mpeg1video", "mpeg2video"],
  ...["h263", "flv1", "mjpeg", "prores", "dnxhd", "theora", "dvvideo", "qtrle", "png", "gif"],
]);

/** Codecs that mark fields in each frame, and those without fields. */
const FIELDS_PER_FRAME = new Set(["h264", "mpeg1video", "mpeg2video", "mpeg4", "dvvideo", "prores", "dnxhd"]);
const NO_FIELDS = new Set(["vp8", "vp9", "av1", "hevc", "theora", "gif", "flv1", "h263"]);
/**
 * Possible values of mastering screens and contents, in cd/m²; other numbers are mistakes and are replaced by the
 * usual one.
 */
const LEAST_PEAK = 100;
const HIGHEST_PEAK = 10_000;
const USUAL_PEAK = 1000;
/** What encoders themselves hide of their sound at the start and at the end is less than this. */
const PRIMING_MS = 100;
/** Players treat streams that start this close together as simultaneous. */
const LATE_START_MS = 100;
const HIGHEST_COPIED_RATE = 48_000;
/** H.264 and AAC in these can be copied. */
const COPIED_CONTAINERS = new Set<VideoContainer>(["mp4", "matroska", "flv"]);
const MAX_FPS = 60;
const WIDE_PRIMARIES: readonly WidePrimaries[] = ["bt2020", "smpte431", "smpte432"];
/** Browsers take what is lower and says nothing for BT.601. */
const HD_HEIGHT = 720;
/** For files without a usable rate: what screen recorders and browsers mean by it. */
const USUAL_FPS = 30;
/** A higher bit rate is not worth sending to viewers. */
const MAX_COPIED_BITS_PER_SECOND = 6_000_000;
/** The longest side of a picture, as a multiple of the limit of its short side. */
const MAX_SIDE_RATIO = 3;

/** The video stream that is used: one that can be read and, of several, is meant to be shown. */
export function chooseVideo(facts: SourceFacts): StreamFacts | undefined {
  const pictures = byDefault(facts).filter((stream) => stream.kind === "video" && !stream.attachedPicture);
  return pictures.find((stream) => VIDEO_CODECS.has(stream.codec)) ?? pictures[0];
}

/** Sound streams in the order in which they are tried. */
export function soundsOf(facts: SourceFacts): StreamFacts[] {
  return byDefault(facts).filter((stream) => stream.kind === "audio" && stream.codec !== "unknown");
}

function byDefault(facts: SourceFacts): StreamFacts[] {
  return facts.streams.toSorted((a, b) => Number(b.isDefault) - Number(a.isDefault));
}

/** Refuses a picture that cannot or must not be read. */
export function acceptPicture(
  video: StreamFacts | undefined,
  limits: MediaLimits,
): asserts video is StreamFacts {
  if (!video) throw refusals.notAVideo("The file has no moving picture");
  if (!VIDEO_CODECS.has(video.codec)) throw refusals.codecUnsupported(video.codec);
  // Its colours are of a kind that none of our decoders can convert.
  if (video.dolbyVisionBase === 0) throw refusals.codecUnsupported("Dolby Vision without a base layer");
  if (video.width <= 0 || video.height <= 0) throw refusals.videoDamaged();
  const size = displayedSize(video, null, uprightOf(video.displayMatrix));
  const longSide = Math.max(video.width, video.height, size.width, size.height);
  if (longSide > limits.maxSidePx || video.width * video.height > limits.maxFramePixels)
    throw refusals.frameTooLarge(limits);
}

/** What was found out about an accepted source. */
export interface Findings {
  container: VideoContainer;
  sizeBytes: number;
  video: StreamFacts;
  audio: StreamFacts | null;
  spans: { video: StreamSpan; audio: StreamSpan | null };
  crop: Crop | null;
  light: LightFacts | null;
  /** The H.264 is of a kind that every browser decodes. */
  plainPicture: boolean;
  /** What edit lists hide, if the demuxer leaves it out. */
  hiddenMs: { video: number; audio: number };
  notices: MediaNotice[];
}

/** Turns findings into a MediaInfo or a refusal. */
export function describeVideo(found: Findings, limits: MediaLimits): MediaInfo {
  const { video, audio, spans, container, sizeBytes } = found;
  const timeline = timelineOf(spans.video, spans.audio);
  const { durationMs } = timeline;
  if (durationMs > limits.maxDurationMs) throw refusals.videoTooLong(limits);

  const upright = uprightOf(video.displayMatrix);
  const size = displayedSize(video, found.crop, upright);
  const cutOff = found.notices.includes("VIDEO_CUT_OFF");
  const copyable = COPIED_CONTAINERS.has(container) && timeline.mend === null && !cutOff;
  const aspect = toNumber(video.pixelAspect);
  const widePrimaries = WIDE_PRIMARIES.find((name) => name === video.primaries) ?? null;
  const rgb = /^(gbr|rgb|bgr|argb|abgr|0rgb|0bgr|pal8)/.test(video.pixelFormat);
  return {
    form: MEDIA_INFO_FORM,
    container,
    sizeBytes,
    durationMs: Math.max(1, Math.round(durationMs)),
    ...size,
    ...upright,
    storedWidth: video.width,
    storedHeight: video.height,
    videoCodec: video.codec,
    pixelFormat: video.pixelFormat,
    audioCodec: audio?.codec ?? null,
    audioChannels: audio?.channels ?? 0,
    fps: Math.round(toNumber(video.frameRate) * 1000) / 1000,
    outputFps: outputFps(video),
    bitsPerSecond: Math.round((sizeBytes * 8000) / durationMs),
    hdr: isHdr(video) ? { untagged: untaggedOf(video), peakNits: peakOf(found.light) } : null,
    assumedMatrix:
      rgb || video.matrix !== "unknown" ? null : video.height < HD_HEIGHT ? "smpte170m" : "bt709",
    widePrimaries,
    rgb,
    alpha: /^(yuva|gbrap|argb|rgba|abgr|bgra|pal8|ya)/.test(video.pixelFormat),
    fields: fieldsOf(video),
    crop: found.crop,
    timeline: cutOff ? { ...timeline, endMs: durationMs } : timeline,
    videoComplies:
      copyable &&
      found.plainPicture &&
      video.pixelFormat === "yuv420p" &&
      !video.fullRange &&
      widePrimaries === null &&
      !upright.mirrored &&
      (aspect === 0 || aspect === 1) &&
      found.crop === null &&
      spans.video.uniform &&
      spans.video.hiddenMs + found.hiddenMs.video <= 1 &&
      timeline.videoStartMs <= LATE_START_MS,
    audioComplies:
      copyable &&
      audio?.codec === "aac" &&
      spans.audio !== null &&
      audio.profile === "LC" &&
      audio.channels <= 2 &&
      audio.sampleRate <= HIGHEST_COPIED_RATE &&
      spans.audio.uniform &&
      spans.audio.hiddenMs + found.hiddenMs.audio <= PRIMING_MS &&
      timeline.audioStartMs <= LATE_START_MS,
    videoStream: video.index,
    audioStream: audio?.index ?? null,
    notices: found.notices,
  };
}

export function isHdr({ transfer }: StreamFacts): boolean {
  return transfer === "smpte2084" || transfer === "arib-std-b67";
}

function untaggedOf(video: StreamFacts) {
  return (["matrix", "primaries"] as const).filter((name) => video[name] === "unknown");
}

export function peakOf(light: LightFacts | null): number {
  const told = [light?.contentPeak ?? 0, light?.masteringPeak ?? 0];
  return told.find((nits) => nits >= LEAST_PEAK && nits <= HIGHEST_PEAK) ?? USUAL_PEAK;
}

function fieldsOf(video: StreamFacts): MediaInfo["fields"] {
  if (NO_FIELDS.has(video.codec)) return "none";
  if (FIELDS_PER_FRAME.has(video.codec)) return "per-frame";
  return video.fieldOrder === "unknown" ? "none" : video.fieldOrder;
}

/** Whether an H.264 stream may be copied, as far as its container tells. */
export function mayComply(container: VideoContainer, video: StreamFacts): boolean {
  return COPIED_CONTAINERS.has(container) && video.codec === "h264" && video.pixelFormat === "yuv420p";
}

/** More than is worth sending to viewers. */
export function isFat(sizeBytes: number, durationMs: number): boolean {
  return (sizeBytes * 8000) / durationMs > MAX_COPIED_BITS_PER_SECOND;
}

export function canCopyVideo(info: MediaInfo, maxShortSidePx: number): boolean {
  return (
    info.videoComplies &&
    Math.min(info.width, info.height) <= maxShortSidePx &&
    Math.max(info.width, info.height) <= maxShortSidePx * MAX_SIDE_RATIO &&
    info.fps <= MAX_FPS &&
    !isFat(info.sizeBytes, info.durationMs)
  );
}

/** A size with the same shape and even sides, never larger than the source, with no side out of proportion. */
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

/** Constant frame rate of a rendition: the source's own if that makes sense. */
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

export function displayedSize(video: StreamFacts, crop: Crop | null, upright: Upright) {
  const shown = crop ?? video;
  const aspect = toNumber(video.pixelAspect);
  const width = aspect > 0 ? Math.max(1, Math.round(shown.width * aspect)) : shown.width;
  return upright.rotation % 180 === 0
    ? { width, height: shown.height }
    : { width: shown.height, height: width };
}

function toNumber(rational: Rational): number {
  return rational.den === 0 ? 0 : rational.num / rational.den;
}

/** Whether a rendition ends well before its source should: the source is cut off. */
export function isCutShort(promisedMs: number, endMs: number): boolean {
  return endMs < promisedMs * 0.9 - 1000;
}
