import type { StreamSpan, SurveyOptions } from "./packet-survey.ts";

/**
 * What both implementations (the ffmpeg program, the libraries inside node-av) must be able to do.
 * All decisions are taken before, in rules.ts; an engine only carries them out in a child process.
 */

export interface Rational {
  num: number;
  den: number;
}

/** How a stored picture is brought upright: first flipped left to right if mirrored, then turned clockwise. */
export interface Upright {
  rotation: 0 | 90 | 180 | 270;
  mirrored: boolean;
}

export interface SourceFile {
  path: string;
  /** libavformat's name; chosen from the magic number, so that no content can choose another. */
  demuxer: string;
  /** Show what edit lists hide, too. */
  ignoreEdits?: boolean;
}

export interface StreamFacts {
  index: number;
  kind: "video" | "audio" | "other";
  /** libavcodec's name, "unknown" when it has none. */
  codec: string;
  /** "LC" for the AAC that everything plays; FFmpeg's name or number else. */
  profile: string;
  /** Meant to be shown rather than others of its kind; MP4 calls it enabled. */
  isDefault: boolean;
  pixelFormat: string;
  /** What the container says of fields; codecs that can tell for themselves do so in each frame. */
  fieldOrder: "top-first" | "bottom-first" | "unknown";
  width: number;
  height: number;
  /** Width of a pixel by its height; 0/1 when unknown. */
  pixelAspect: Rational;
  /** Average, and the lowest that can show all timestamps. 0/0 when unknown. */
  frameRate: Rational;
  nominalFrameRate: Rational;
  /** Of colours, in FFmpeg's names; "unknown" when untagged. */
  transfer: string;
  matrix: string;
  primaries: string;
  fullRange: boolean;
  /** Which other kind of picture a Dolby Vision stream is as well; 0: none. null: no Dolby Vision. */
  dolbyVisionBase: number | null;
  /** The 9 numbers of the display matrix, null when there is none. */
  displayMatrix: number[] | null;
  /** A cover image of a sound file, not a moving picture. */
  attachedPicture: boolean;
  channels: number;
  sampleRate: number;
  /** How many packets the file's index lists, hidden ones too; null when it does not tell. */
  frames: number | null;
}

export interface SourceFacts {
  /** What the container says; null when it does not. To be believed of our own files only. */
  durationMs: number | null;
  streams: StreamFacts[];
}

export interface Survey {
  facts: SourceFacts;
  spans: StreamSpan[];
}

export interface ConvertJob {
  source: SourceFile;
  output: string;
  /** The time in the source that becomes zero. */
  baseMs: number;
  /** Streams that are copied end there; the filters of others see to it themselves. null: with the source. */
  endMs: number | null;
  /** `filter` starts from an upright picture and yields `size`, yuv420p and `frameRate`. null: copy, without messages. */
  video: {
    stream: number;
    encode: {
      upright: Upright;
      filter: string;
      width: number;
      height: number;
      frameRate: Rational;
      /** The filter turns colours into BT.709; else they stay what the source says they are. */
      isBt709: boolean;
      options: Record<string, string>;
    } | null;
  };
  /** `filter` yields `sampleRate` and stereo. */
  audio: {
    stream: number;
    encode: { filter: string; sampleRate: number; options: Record<string, string> } | null;
  } | null;
  /** The output ends there quietly, at this size or a little more. */
  maxOutputBytes: number;
}

export interface StillJob {
  source: SourceFile;
  stream: number;
  atMs: number;
  filter: string;
  output: string;
}

export interface SampleJob {
  source: SourceFile;
  stream: number;
  /** Yields small pictures of 8-bit grey. */
  filter: string;
  maxFrames: number;
}

/** How bright the pictures were when they were made, in cd/m²; 0 when that is not told. */
export interface LightFacts {
  masteringPeak: number;
  contentPeak: number;
}

/** Bounds of one run. */
export interface Run {
  signal: AbortSignal;
  timeoutMs: number;
  /** Decoders refuse larger frames before they allocate them. */
  maxPixels: number;
  /** For decoders that may open no file: the open ones that children have from 3 on, and how to get one more, empty. */
  lent?: { fds: readonly number[]; scratch(): Promise<string> };
}

/** Every method rejects with `ChildFailed` when the media is to blame, or with a refusal (see child-run.ts). */
export interface MediaEngine {
  readonly name: string;
  inspect(source: SourceFile, run: Run): Promise<SourceFacts>;
  /** What `inspect` does, and reads to the end, without decoding. */
  survey(source: SourceFile, options: SurveyOptions, run: Run): Promise<Survey>;
  /** Those of the streams of which a beginning can be decoded: one picture, or a second of sound. */
  decodable(source: SourceFile, streams: readonly StreamFacts[], run: Run): Promise<StreamFacts[]>;
  /** What the first pictures of a stream tell of their light. */
  light(source: SourceFile, stream: number, run: Run): Promise<LightFacts>;
  /** The different sequence parameters of an H.264 stream, up to its end. */
  sequences(source: SourceFile, stream: number, run: Run): Promise<Buffer[]>;
  /** Grey pictures one after another, without padding. */
  sample(job: SampleJob, run: Run): Promise<Buffer>;
  /** Writes one frame as JPEG; the last one when there is none at `atMs`. */
  still(job: StillJob, run: Run): Promise<void>;
  /** Resolves with the time up to which the output goes. */
  convert(job: ConvertJob, run: Run, onProgress: (outMs: number) => void): Promise<number>;
}
