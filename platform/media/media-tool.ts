import type { Confinement } from "./confinement.ts";
import type { TriedEncoder } from "./encoders.ts";
import type { FragmentTable } from "./fragments.ts";
import type { Loudness } from "./loudness.ts";
import type { PostPictureFormat, VideoContainer } from "./magic.ts";
import type { Rational, Upright } from "./media-engine.ts";
import type { Storyboard } from "./storyboard.ts";
import type { Timeline } from "./timeline.ts";

export const MEDIA_INFO_FORM = 3;

/** VIDEO_CUT_OFF: the end of the file is missing. SOUND_LEFT_OUT: none of its sound can be decoded. */
export type MediaNotice = "VIDEO_CUT_OFF" | "SOUND_LEFT_OUT";

/** Of SDR pictures, as libavfilter calls them. */
export type WidePrimaries = "bt2020" | "smpte431" | "smpte432";

/** In pixels as stored, before rotation. */
export interface Crop {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** The result of `probe`. Plain data: it may be stored as JSON between steps of a workflow. */
export interface MediaInfo {
  container: VideoContainer;
  sizeBytes: number;
  durationMs: number;
  /** As displayed: after rotation, with square pixels. */
  width: number;
  height: number;
  /** The clockwise rotation that the player must apply; `width` and `height` are after it. */
  rotation: Upright["rotation"];
  /** The picture must be flipped left to right before it is rotated. */
  mirrored: boolean;
  /** As stored. */
  storedWidth: number;
  storedHeight: number;
  videoCodec: string;
  pixelFormat: string;
  /** null: no sound. */
  audioCodec: string | null;
  audioChannels: number;
  /** The version of this record: one of another version is probed again. */
  form: typeof MEDIA_INFO_FORM;
  /** Average frames per second. */
  fps: number;
  /** Frame rate of a constant-rate rendition. */
  outputFps: Rational;
  /** Of the whole file. */
  bitsPerSecond: number;
  /** Brightness above the standard range, which is tone-mapped: the maximum it shows, in cd/m². */
  hdr: { untagged: ("matrix" | "primaries")[]; peakNits: number } | null;
  /** Of pictures in the standard range: the matrix that players assume where none is told, and primaries beyond BT.709. */
  assumedMatrix: "smpte170m" | "bt709" | null;
  widePrimaries: WidePrimaries | null;
  /** Decoded pictures are RGB, partly transparent perhaps. */
  rgb: boolean;
  alpha: boolean;
  /** How fields become frames: as each frame says, or as the container says for all. */
  fields: "per-frame" | "top-first" | "bottom-first" | "none";
  /** The visible part of the stored picture, if that is not all of it. */
  crop: Crop | null;
  timeline: Timeline;
  /** Streams that every player plays, and that contain only what is shown. */
  videoComplies: boolean;
  audioComplies: boolean;
  /** Notices for the author. */
  notices: MediaNotice[];
  videoStream: number;
  audioStream: number | null;
}

export interface RunOptions {
  /** Ends the child; the call rejects with the signal's reason. */
  signal: AbortSignal;
  /** The person who waits: probes and pictures of different people take turns. */
  person?: string;
}

export type RenditionInfo = Pick<
  MediaInfo,
  "durationMs" | "width" | "height" | "rotation" | "mirrored" | "notices"
>;

interface Rendition {
  copied: boolean;
  info: RenditionInfo;
  /** Small grey pictures of it, which a cover is chosen by; absent where nothing had to be decoded. */
  samples?: Buffer;
}

interface RenditionOptions extends RunOptions {
  maxShortSidePx: number;
  /** From 0 to 1, a few times a second, never decreasing. */
  onProgress?: (done: number) => void;
}

/** One file of a ladder. */
export interface Rung extends FragmentTable {
  width: number;
  height: number;
  fps: Rational;
}

export interface PictureOptions extends RunOptions {
  maxWidthPx: number;
  maxHeightPx: number;
  /** Fill the box and crop, instead of fitting into it. */
  crop?: boolean;
}

/** An accepted picture of a post. Plain data, as MediaInfo; a picture lasts no time. */
export interface PictureInfo {
  picture: PostPictureFormat;
  /** As displayed: after rotation. */
  width: number;
  height: number;
  upright: Upright;
  stream: number;
  durationMs: 0;
  notices: [];
}

export interface PictureSize {
  width: number;
  height: number;
}

/**
 * Reads strangers' media and makes our own files from it. `output` is a path that is replaced; after a failure it
 * does not exist. Refusals are DomainErrors: EMPTY_FILE, NOT_A_VIDEO, NOT_A_PICTURE, VIDEO_DAMAGED, PICTURE_DAMAGED,
 * VIDEO_CODEC_UNSUPPORTED (invalid); VIDEO_TOO_LONG, FRAME_TOO_LARGE, PICTURE_TOO_LARGE, RENDITION_TOO_LARGE,
 * MEDIA_TOO_HEAVY (too-large); MEDIA_TIMEOUT (deadline); DISK_FULL (unavailable).
 */
export interface Media {
  /** Measures the file, checks it against the limits, and decodes a first frame. */
  probe(file: string, options?: RunOptions): Promise<MediaInfo>;
  /**
   * A fast-start H.264/AAC MP4 without metadata: streams that already comply are copied, others encoded at
   * a constant frame rate with a key frame every 2 s.
   */
  rendition(input: string, output: string, info: MediaInfo, options: RenditionOptions): Promise<Rendition>;
  /**
   * The same video in several sizes, each a file of fragments that begin at the same times on all of them, from one
   * decode where the engine can. In the order of `rungs`.
   */
  ladder(
    input: string,
    rungs: readonly { shortSidePx: number; output: string }[],
    info: MediaInfo,
    options: RunOptions & { loudness?: { measured: Loudness | null; targetLufs: number | null } },
  ): Promise<Rung[]>;
  /** How loud a video is; null where there is nothing to hear, or where it cannot be measured. */
  loudness(input: string, info: MediaInfo, options: RunOptions): Promise<Loudness | null>;
  /** A JPEG of small pictures of a rung. */
  storyboard(
    rung: string,
    output: string,
    info: { durationMs: number; width: number; height: number },
    options: RunOptions,
  ): Promise<Storyboard>;
  /** A JPEG of the time at which the picture of a rendition changes most; returns it and others that would do, in ms. */
  cover(
    rendition: string,
    output: string,
    made: Pick<Rendition, "info" | "samples">,
    options: RunOptions,
  ): Promise<number[]>;
  /** The same of a time that somebody has chosen; of the last picture, where there is none. */
  frame(
    rendition: string,
    output: string,
    info: RenditionInfo,
    options: RunOptions & { atMs: number },
  ): Promise<void>;
  /** A ThumbHash (base64) of a cover: some 25 bytes that a page shows until the cover is there. */
  placeholder(cover: string, size: { width: number; height: number }, options: RunOptions): Promise<string>;
  /**
   * Measures a picture for a post, checks it against the limits and decodes it. Refusals besides: BODY_TOO_LARGE,
   * PICTURE_UNSUPPORTED, PICTURE_SHAPE.
   */
  pictureInfo(file: string, options: RunOptions): Promise<PictureInfo>;
  /** JPEGs without metadata of one picture, upright, each fitting into its box; the largest comes first. */
  pictureSizes(
    input: string,
    outputs: readonly { output: string; maxWidthPx: number; maxHeightPx: number }[],
    info: PictureInfo,
    options: RunOptions,
  ): Promise<PictureSize[]>;
  /** A JPEG without metadata from a JPEG, PNG, WebP or GIF; transparent parts become white. */
  picture(input: string, output: string, options: PictureOptions): Promise<void>;
}

/** A tool that can be checked. */
export interface CheckedMedia extends Media {
  /** Makes a small picture; rejects if that fails. */
  check(): Promise<void>;
}

/** A tool that was found, under the name that `douya doctor` shows. */
export interface MediaTool extends CheckedMedia {
  readonly name: string;
  /** How its decoders are confined, if that was found out. */
  readonly confinement?: Confinement;
  /** The encoders of hardware that were tried, if any was. */
  readonly encoders?: readonly TriedEncoder[];
}
