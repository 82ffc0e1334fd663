import type { Confinement } from "./confinement.ts";
import type { VideoContainer } from "./magic.ts";
import type { Rational, Upright } from "./media-engine.ts";
import type { Timeline } from "./timeline.ts";

export const MEDIA_INFO_FORM = 2;

/** VIDEO_CUT_OFF: the end of the file is missing. SOUND_LEFT_OUT: nobody can decode any of its sound. */
export type MediaNotice = "VIDEO_CUT_OFF" | "SOUND_LEFT_OUT";

/** In pixels as stored, before any turning. */
export interface Crop {
  x: number;
  y: number;
  width: number;
  height: number;
}

/** What is known of a video after `probe`. Plain data: it may be stored as JSON between steps of a workflow. */
export interface MediaInfo {
  container: VideoContainer;
  sizeBytes: number;
  durationMs: number;
  /** As displayed: after rotation, with square pixels. */
  width: number;
  height: number;
  /** Clockwise turn that the player has to make; `width` and `height` are after it. */
  rotation: Upright["rotation"];
  /** The picture has to be flipped left to right before it is turned. */
  mirrored: boolean;
  /** As stored. */
  storedWidth: number;
  storedHeight: number;
  videoCodec: string;
  pixelFormat: string;
  /** null: no sound. */
  audioCodec: string | null;
  audioChannels: number;
  /** Numbers the form of this record: one of another form is to be probed again. */
  form: typeof MEDIA_INFO_FORM;
  /** Average frames per second. */
  fps: number;
  /** Frame rate of a constant-rate rendition. */
  outputFps: Rational;
  /** Of the whole file. */
  bitsPerSecond: number;
  /** Brightness above the standard range, to be tone-mapped: the brightest it shows, in cd/m². */
  hdr: { untagged: ("matrix" | "primaries")[]; peakNits: number } | null;
  /** Decoded pictures are RGB, and part of them may be see-through. */
  rgb: boolean;
  alpha: boolean;
  /** How fields are to be made frames: as each frame says, or as the container does for all of them. */
  fields: "per-frame" | "top-first" | "bottom-first" | "none";
  /** The part of the stored picture that is shown, when that is not all of it. */
  crop: Crop | null;
  timeline: Timeline;
  /** Streams that everything plays, and that hold nothing but what is shown. */
  videoComplies: boolean;
  audioComplies: boolean;
  /** What the author should be told, by reason. */
  notices: MediaNotice[];
  videoStream: number;
  audioStream: number | null;
}

export interface RunOptions {
  /** Ends the child; the call rejects with the signal's reason. */
  signal: AbortSignal;
  /** Who waits for it: people's probes and pictures take turns. */
  person?: string;
}

export type RenditionInfo = Pick<
  MediaInfo,
  "durationMs" | "width" | "height" | "rotation" | "mirrored" | "notices"
>;

interface RenditionOptions extends RunOptions {
  maxShortSidePx: number;
  /** From 0 to 1, a few times a second, never falling. */
  onProgress?: (done: number) => void;
}

export interface PictureOptions extends RunOptions {
  maxWidthPx: number;
  maxHeightPx: number;
  /** Fill the box and cut what sticks out, instead of fitting into it. */
  crop?: boolean;
}

/**
 * Reads strangers' media and makes our own from it. `output` is a path that is replaced; after a failure it
 * does not exist. Refusals are DomainErrors: EMPTY_FILE, NOT_A_VIDEO, NOT_A_PICTURE, VIDEO_DAMAGED,
 * PICTURE_DAMAGED, VIDEO_CODEC_UNSUPPORTED (invalid); VIDEO_TOO_LONG, FRAME_TOO_LARGE, PICTURE_TOO_LARGE,
 * RENDITION_TOO_LARGE, MEDIA_TOO_HEAVY (too-large); MEDIA_TIMEOUT (deadline); DISK_FULL (unavailable).
 */
export interface Media {
  /** Measures the file, checks it against the limits, and decodes a first frame. */
  probe(file: string, options?: RunOptions): Promise<MediaInfo>;
  /**
   * A fast-start H.264/AAC MP4 without metadata: streams that already comply are copied, others encoded at
   * a constant frame rate with a key frame every 2 s. `info` is that of the rendition.
   */
  rendition(
    input: string,
    output: string,
    info: MediaInfo,
    options: RenditionOptions,
  ): Promise<{ copied: boolean; info: RenditionInfo }>;
  /** A JPEG of the moment when the picture of a rendition changes most. */
  cover(rendition: string, output: string, info: RenditionInfo, options: RunOptions): Promise<void>;
  /** A JPEG without metadata from a JPEG, PNG, WebP or GIF; what was transparent becomes white. */
  picture(input: string, output: string, options: PictureOptions): Promise<void>;
}

/** Media that can be asked whether it works here. */
export interface CheckedMedia extends Media {
  /** Makes a small picture; rejects when that cannot be done. */
  check(): Promise<void>;
}

/** One that was found, by the name that `douya doctor` shows. */
export interface MediaTool extends CheckedMedia {
  readonly name: string;
  /** What its decoders run behind, where that was looked for. */
  readonly confinement?: Confinement;
}
