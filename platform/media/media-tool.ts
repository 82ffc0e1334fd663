import type { VideoContainer } from "./magic.ts";
import type { Rational, Upright } from "./media-engine.ts";

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
  videoCodec: string;
  pixelFormat: string;
  /** null: no sound. */
  audioCodec: string | null;
  audioChannels: number;
  /** Average frames per second. */
  fps: number;
  /** Frame rate of a constant-rate rendition. */
  outputFps: Rational;
  /** Of the whole file. */
  bitsPerSecond: number;
  /** Brightness above the standard range, to be tone-mapped. */
  hdr: boolean;
  /** Decoded pictures are RGB. */
  rgb: boolean;
  /** The index comes before the data, so that playing can start at once. */
  fastStart: boolean;
  /** The file holds more than one picture and one sound track, fragments, or descriptive data such as a place. */
  hasExtras: boolean;
  videoStream: number;
  audioStream: number | null;
}

export interface RunOptions {
  /** Ends the child; the call rejects with the signal's reason. */
  signal: AbortSignal;
  /** Who waits for it: people's probes and pictures take turns. */
  person?: string;
}

export interface RenditionOptions extends RunOptions {
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
 * RENDITION_TOO_LARGE, MEDIA_TOO_HEAVY (too-large); MEDIA_TIMEOUT (deadline); STORAGE_FULL (unavailable).
 */
export interface Media {
  /** Checks the headers against the limits and decodes a first frame. */
  probe(file: string, options?: RunOptions): Promise<MediaInfo>;
  /**
   * A fast-start H.264/AAC MP4 without metadata: streams that already comply are copied, others encoded at
   * a constant frame rate with a key frame every 2 s. See also `isPlayableAsIs`.
   */
  rendition(
    input: string,
    output: string,
    info: MediaInfo,
    options: RenditionOptions,
  ): Promise<{ copied: boolean }>;
  /** A JPEG of the moment when the picture changes most. Quicker from a rendition, with `info` of the rendition. */
  cover(input: string, output: string, info: MediaInfo, options: RunOptions): Promise<void>;
  /** A JPEG without metadata from a JPEG, PNG, WebP or GIF; what was transparent becomes white. */
  picture(input: string, output: string, options: PictureOptions): Promise<void>;
}

/** One that was found, by the name that `douya doctor` shows. */
export interface MediaTool extends Media {
  readonly name: string;
}
