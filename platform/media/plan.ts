import { SOFTWARE } from "./encoders.ts";
import type { PictureFormat, PostPictureFormat } from "./magic.ts";
import type { ConvertJob, LadderJob, Upright } from "./media-engine.ts";
import type { MediaInfo, RenditionInfo } from "./media-tool.ts";
import type { PictureHeader } from "./picture-header.ts";
import { canCopyVideo, targetSize } from "./rules.ts";
import { type Storyboard, storyboardFilter } from "./storyboard.ts";

/** How renditions, covers and pictures are made, as libavfilter graphs and encoder settings. */

const KEY_FRAME_SECONDS = 2;
const AUDIO_RATE = 48_000;
const COVER_SHORT_SIDE_PX = 720;

/** JPEG's own matrix and range, whatever the source has. */
const TO_JPEG = "out_range=pc:out_color_matrix=bt601,setsar=1,format=yuvj420p";

/** The streams of a rendition; a compliant stream is copied. */
export function planStreams(
  info: MediaInfo,
  maxShortSidePx: number,
): Pick<ConvertJob, "video" | "audio" | "baseMs" | "endMs"> {
  const copyVideo = canCopyVideo(info, maxShortSidePx);
  return {
    baseMs: info.timeline.baseMs,
    endMs: info.timeline.endMs,
    video: { stream: info.videoStream, encode: copyVideo ? null : planVideo(info, maxShortSidePx) },
    audio:
      info.audioStream === null
        ? null
        : { stream: info.audioStream, encode: info.audioComplies ? null : planAudio(info) },
  };
}

/** The encoder's cap in bits per second, by short side: what content needs less, it gets less (CRF). */
const RUNG_CAPS: readonly [shortSidePx: number, bitsPerSecond: number][] = [
  [360, 800_000],
  [480, 1_400_000],
  [720, 2_800_000],
];
const LARGEST_CAP = 5_000_000;
const SOUND_BITS_PER_SECOND = 128_000;

function capOf(shortSidePx: number): number {
  return RUNG_CAPS.find(([side]) => shortSidePx <= side)?.[1] ?? LARGEST_CAP;
}

/** The room that rungs may take. */
export function ladderBytes({ durationMs }: { durationMs: number }, shortSidesPx: readonly number[]): number {
  const bits = shortSidesPx.reduce((sum, side) => sum + capOf(side) + SOUND_BITS_PER_SECOND, 0);
  return (bits / 8) * (durationMs / 1000);
}

/** Fragments that begin with a key frame, and none at the end of the file but them. */
export const FRAGMENT_FLAGS = "+cmaf+delay_moov+frag_keyframe+skip_trailer";

/**
 * Short fragments first, since a player can show the first one when all of it is there, and many a film is left soon: 0, 1,
 * 2, 3, 4, 6, 8 … seconds.
 */
export function keyTimeSeconds(count: number): number {
  return count < SHORT_FRAGMENTS ? count : 2 * count - SHORT_FRAGMENTS;
}

/** Of one second; the others have two. */
export const SHORT_FRAGMENTS = 4;

/** Those of the wanted short sides that are not above the source's, or the source's own. */
export function rungsOf(
  source: { width: number; height: number },
  shortSidesPx: readonly number[],
): number[] {
  if (shortSidesPx.length === 0) return [];
  const short = Math.min(source.width, source.height);
  const below = shortSidesPx.filter((side) => side <= short);
  return below.length > 0 ? below : [short];
}

/** All streams are encoded: a copied one has its key frames elsewhere. */
export function planLadder(
  info: MediaInfo,
  rungs: readonly { shortSidePx: number; output: string }[],
  loudness: readonly string[] = [],
  encoder = SOFTWARE,
): Omit<LadderJob, "source" | "maxOutputBytes"> {
  const encode = planVideo(info, Math.max(...rungs.map(({ shortSidePx }) => shortSidePx)))!;
  return {
    baseMs: info.timeline.baseMs,
    endMs: info.timeline.endMs,
    encoder,
    video: { stream: info.videoStream, encode },
    audio: info.audioStream === null ? null : { stream: info.audioStream, encode: planAudio(info, loudness) },
    rungs: rungs.map(({ shortSidePx, output }) => {
      const { width, height } = targetSize(info, shortSidePx);
      const cap = capOf(shortSidePx);
      const options = {
        ...(encoder === SOFTWARE && { ...encode.options, keyint_min: "1" }),
        ...encoder.options(cap),
        // Where key frames are is said frame by frame.
        g: "100000",
      };
      return { output, width, height, filter: `scale=${width}:${height},setsar=1`, options };
    }),
  };
}

function planVideo(info: MediaInfo, maxShortSidePx: number): ConvertJob["video"]["encode"] {
  const { width, height } = targetSize(info, maxShortSidePx);
  const { num, den } = info.outputFps;
  const keyFrames = String(Math.max(1, Math.round((KEY_FRAME_SECONDS * num) / den)));
  const filters = [
    ...oneForm(info),
    ...(info.hdr ? assumedColours(info.hdr) : assumedMatrix(info)),
    ...deinterlace(info),
    ...(info.crop ? [cropFilter(info)] : []),
    // Transparent parts become black, not the hidden colour under them.
    ...(info.alpha ? ["format=gbrap,premultiply=inplace=1,format=gbrp"] : []),
    ...mendClock(info, "setpts", `${den}/${num}/TB`),
    `fps=${num}/${den}:start_time=0`,
    ...trim(info, "trim"),
    ...(info.hdr
      ? [`scale=${width}:${height}:out_range=tv`, toneMap(info.hdr)]
      : toBt709(info, width, height)),
    // Frames carry places, captions and other metadata too.
    "sidedata=mode=delete,setsar=1,format=yuv420p",
  ];
  return {
    upright: { rotation: info.rotation, mirrored: info.mirrored },
    filter: filters.join(","),
    width,
    height,
    frameRate: info.outputFps,
    options: {
      // "veryfast" is where two laptop cores stay ahead of a phone's 1080p; slower presets gain little at 720p.
      preset: "veryfast",
      crf: "23",
      maxrate: "4000000",
      bufsize: "8000000",
      profile: "high",
      // Key frames at exact multiples, so that every rendition can be cut at the same times.
      g: keyFrames,
      keyint_min: keyFrames,
      sc_threshold: "0",
    },
  };
}

/** Filters that look at pixels need pictures of one size, and the size of a stream may change. */
function oneForm(info: MediaInfo): string[] {
  if (info.fields === "none" && !info.crop && !info.alpha) return [];
  const [width, height] = upright(info, [info.storedWidth, info.storedHeight]);
  return [`scale=${width}:${height}:interl=-1`];
}

function upright(info: MediaInfo, [width, height]: [number, number]): [number, number] {
  return info.rotation % 180 === 0 ? [width, height] : [height, width];
}

/** Progressive frames pass unchanged, unless only the container knows about fields. */
function deinterlace({ fields }: MediaInfo): string[] {
  if (fields === "none") return [];
  if (fields === "per-frame") return ["bwdif=send_frame:deint=interlaced"];
  return [`setfield=${fields === "top-first" ? "tff" : "bff"}`, "bwdif=send_frame:deint=all"];
}

/** The visible part, in upright coordinates. */
function cropFilter(info: MediaInfo): string {
  const { x, y, width, height } = info.crop!;
  const right = info.storedWidth - x - width;
  const below = info.storedHeight - y - height;
  const from = info.mirrored ? right : x;
  const behind = info.mirrored ? x : right;
  const corner = { 0: [from, y], 90: [below, from], 180: [behind, below], 270: [y, behind] }[info.rotation];
  return `crop=${[...upright(info, [width, height]), ...corner].join(":")}:exact=1`;
}

/** Makes one clock of one that restarts or jumps: the next packet comes one step later. */
function mendClock({ timeline }: MediaInfo, filter: "setpts" | "asetpts", step: string): string[] {
  if (!timeline.mend) return [];
  const { longestStepMs } = timeline.mend;
  const leaps = longestStepMs > 0 ? `+gt(PTS-PREV_INPTS,${longestStepMs / 1000}/TB)` : "";
  const next = `PREV_OUTPTS+if(lt(PTS,PREV_INPTS)${leaps},${step},PTS-PREV_INPTS)`;
  return [`${filter}='if(isnan(PREV_INPTS),PTS,${next})'`];
}

function trim({ timeline }: MediaInfo, filter: "trim" | "atrim"): string[] {
  return timeline.endMs === null ? [] : [`${filter}=end=${(timeline.endMs / 1000).toFixed(6)}`];
}

/** Both HDR transfers were made for BT.2020. */
function assumedColours({ untagged }: { untagged: string[] }): string[] {
  const names = { matrix: "colorspace=bt2020nc", primaries: "color_primaries=bt2020" } as const;
  const assumed = untagged.map((name) => names[name as keyof typeof names]);
  return assumed.length === 0 ? [] : [`setparams=${assumed.join(":")}`];
}

function assumedMatrix(info: MediaInfo): string[] {
  return info.assumedMatrix === null ? [] : [`setparams=colorspace=${info.assumedMatrix}`];
}

/**
 * Players guess what is not told, by the size mostly, so that the rungs of one film would differ. BT.601's primaries
 * hardly do.
 */
function toBt709({ widePrimaries }: MediaInfo, width: number, height: number): string[] {
  const told = `setparams=range=tv:colorspace=bt709:color_primaries=${widePrimaries ?? "bt709"}:color_trc=bt709`;
  const scale = `scale=${width}:${height}:out_range=tv:out_color_matrix=bt709`;
  // What lies outside of BT.709 is below zero, where the curve is steep: clipped in RGB, or it would darken all of it. Not
  // every processor's code for the curve does that by itself.
  const narrow = "zscale=primaries=bt709:matrix=gbr:range=pc,format=gbrp,zscale=matrix=bt709:range=tv";
  return [scale, told, ...(widePrimaries ? [narrow] : [])];
}

/**
 * From HDR to what every screen shows (Hable's curve); 10-bit in, 8-bit BT.709 out. The peak is given: the filter
 * would trust the stream. Colours outside BT.709 are clipped before they are written.
 */
function toneMap({ peakNits }: { peakNits: number }, format = "yuv420p"): string {
  return (
    "zscale=transfer=linear:npl=100,format=gbrpf32le,zscale=primaries=bt709," +
    `tonemap=hable:desat=0:peak=${peakNits / 100},format=gbrp16le,` +
    `zscale=transfer=bt709:matrix=bt709:range=tv,format=${format}`
  );
}

/** What the sound goes through that is measured. */
export function measuredSound(info: MediaInfo): string {
  return planAudio(info).filter;
}

function planAudio(info: MediaInfo, loudness: readonly string[] = []) {
  const filters = [
    ...mendClock(info, "asetpts", "NB_SAMPLES/SR/TB"),
    `aresample=${AUDIO_RATE}:async=1:first_pts=0`,
    ...trim(info, "atrim"),
    ...loudness,
    "aformat=sample_fmts=fltp:channel_layouts=stereo",
  ];
  return { filter: filters.join(","), sampleRate: AUDIO_RATE, options: { b: String(SOUND_BITS_PER_SECOND) } };
}

export function storyboardPicture(storyboard: Storyboard): string {
  return `${storyboardFilter(storyboard)},scale=${TO_JPEG}`;
}

export function coverSize(video: { width: number; height: number }): { width: number; height: number } {
  return targetSize(video, COVER_SHORT_SIDE_PX);
}

export function coverFilter(info: RenditionInfo): string {
  const { width, height } = coverSize(info);
  return [...uprightFilters(info), `scale=${width}:${height}:${TO_JPEG}`].join(",");
}

/** Makes a picture upright. */
export function uprightFilters(upright: Upright): string[] {
  const turns = { 0: [], 90: ["transpose=clock"], 180: ["hflip", "vflip"], 270: ["transpose=cclock"] };
  return [...(upright.mirrored ? ["hflip"] : []), ...turns[upright.rotation]];
}

/** The size of a picture that is made smaller if it does not fit into a box. */
export function fitInto(
  { width, height }: { width: number; height: number },
  box: { maxWidthPx: number; maxHeightPx: number },
) {
  const scale = Math.min(1, box.maxWidthPx / width, box.maxHeightPx / height);
  const side = (px: number) => Math.max(1, Math.round(px * scale));
  return { width: side(width), height: side(height) };
}

interface PictureBox {
  maxWidthPx: number;
  maxHeightPx: number;
  /** Fill it and cut off the rest. */
  crop?: boolean;
}

/** The size of a picture that is drawn into a box, and of the part that is drawn. */
export function drawnSize(header: PictureHeader, box: PictureBox) {
  const turned = header.upright.rotation % 180 !== 0;
  const [width, height] = turned ? [header.height, header.width] : [header.width, header.height];
  const shape = box.maxWidthPx / box.maxHeightPx;
  const cut = box.crop
    ? {
        width: Math.min(width, Math.round(height * shape)),
        height: Math.min(height, Math.round(width / shape)),
      }
    : { width, height };
  return { cut, fitted: fitInto(cut, box) };
}

/** Filter graph from `in` to `out` for a picture. Nothing is enlarged. `hdr`: its brightness is above the standard range. */
export function pictureFilter(
  format: PictureFormat | PostPictureFormat,
  header: PictureHeader,
  box: PictureBox,
  hdr: { peakNits: number } | null = null,
): string {
  const { cut, fitted } = drawnSize(header, box);
  const size = [fitted.width, fitted.height];
  const shaped = [
    ...uprightFilters(header.upright),
    ...(box.crop ? [`crop=${Math.max(1, cut.width)}:${Math.max(1, cut.height)}:exact=1`] : []),
  ];
  // Colours of each pixel, since sides may be odd; and made smaller first, since it takes 16 bytes for each.
  if (hdr)
    return [
      ...[...shaped, `scale=${size.join(":")}`, "format=yuv444p10le"],
      ...[toneMap(hdr, "yuv444p"), `scale=${TO_JPEG}`],
    ].join(",");
  // Transparency of AVIF and HEIC is a picture of its own.
  if (format === "jpeg" || format === "avif" || format === "heic")
    return [...shaped, `scale=${size.join(":")}:${TO_JPEG}`].join(",");
  return `[in]${[...shaped, `scale=${size.join(":")}`, "format=rgba"].join(",")}[front];${onWhite(fitted)}`;
}

/** From two pictures of one size, the colours and how opaque each pixel is, to what is seen on white. */
export function opaqueFilter(size: { width: number; height: number }, premultiplied: boolean): string {
  const { width, height } = size;
  return (
    // Colours of each pixel: the second picture may begin in an odd line.
    "[in]format=rgb24,tile=1x2,split[upper][lower];" +
    `[upper]crop=${width}:${height}:0:0:exact=1[colours];` +
    `[lower]crop=${width}:${height}:0:${height}:exact=1,format=gray[alpha];` +
    `[colours][alpha]alphamerge[front];${onWhite(size, premultiplied)}`
  );
}

function onWhite(size: { width: number; height: number }, premultiplied = false): string {
  return (
    `color=white:size=${size.width}x${size.height}:rate=1:duration=1[back];` +
    `[back][front]overlay=format=rgb${premultiplied ? ":alpha=premultiplied" : ""},scale=${TO_JPEG}[out]`
  );
}
