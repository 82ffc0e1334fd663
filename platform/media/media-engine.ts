import type { Encoder } from "./encoders.ts";
import type { Loudness } from "./loudness.ts";
import type { StreamSpan, SurveyOptions } from "./packet-survey.ts";

/**
 * What both implementations (the ffmpeg program, the libraries inside node-av) must provide. All decisions are made
 * before, in rules.ts; an engine only carries them out in a child process.
 */

export interface Rational {
  num: number;
  den: number;
}

/** How a stored picture becomes upright: first flipped left to right if mirrored, then rotated clockwise. */
export interface Upright {
  rotation: 0 | 90 | 180 | 270;
  mirrored: boolean;
}

export interface SourceFile {
  path: string;
  /** libavformat's name; chosen by the magic number, so that no content can choose another. */
  demuxer: string;
  /** Also read what edit lists hide. */
  ignoreEdits?: boolean;
}

export interface StreamFacts {
  index: number;
  kind: "video" | "audio" | "other";
  /** libavcodec's name, "unknown" if it has none. */
  codec: string;
  /** "LC" for the AAC that every player plays; otherwise FFmpeg's name or number. */
  profile: string;
  /** Meant to be shown before others of its kind; MP4 calls it enabled. */
  isDefault: boolean;
  pixelFormat: string;
  /** The field order by the container; some codecs tell it in each frame. */
  fieldOrder: "top-first" | "bottom-first" | "unknown";
  width: number;
  height: number;
  /** Width of a pixel by its height; 0/1 if unknown. */
  pixelAspect: Rational;
  /** The average rate, and the lowest that can show all timestamps. 0/0 if unknown. */
  frameRate: Rational;
  nominalFrameRate: Rational;
  /** Colours in FFmpeg's names; "unknown" if untagged. */
  transfer: string;
  matrix: string;
  primaries: string;
  fullRange: boolean;
  /** The compatible base layer of a Dolby Vision stream; 0: none. null: no Dolby Vision. */
  dolbyVisionBase: number | null;
  /** The 9 numbers of the display matrix, null if there is none. */
  displayMatrix: number[] | null;
  /** A cover image of a sound file, not a moving picture. */
  attachedPicture: boolean;
  channels: number;
  sampleRate: number;
  /** How many packets the file's index lists, hidden ones included; null if unknown. */
  frames: number | null;
}

export interface SourceFacts {
  /** The container's duration; null if unknown. Trusted only for our own files. */
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
  /** Copied streams end there; for others their filters do it. null: with the source. */
  endMs: number | null;
  /**
   * `filter` starts from an upright picture and yields `size`, yuv420p and `frameRate`. null: copy, without messages.
   */
  video: {
    stream: number;
    encode: {
      upright: Upright;
      /** Yields BT.709. */
      filter: string;
      width: number;
      height: number;
      frameRate: Rational;
      options: Record<string, string>;
    } | null;
  };
  /** `filter` yields `sampleRate` and stereo. */
  audio: {
    stream: number;
    encode: { filter: string; sampleRate: number; options: Record<string, string> } | null;
  } | null;
  /** The output ends without an error at this size or slightly above. */
  maxOutputBytes: number;
  /** Also grey pictures of what is encoded, as `sample` yields them, in a file: nothing decodes it once more. */
  samples?: { filter: string; output: string };
  /** Write fragments (CMAF), and key frames at `keyTimeSeconds`. */
  fragmented?: boolean;
}

/** The rungs of a ladder, each a file of fragments that begin with key frames at the same times on all of them. */
export interface LadderJob
  extends Pick<ConvertJob, "source" | "baseMs" | "endMs" | "audio" | "maxOutputBytes"> {
  /** `filter` is for all rungs and comes first; that of a rung yields its size. */
  video: { stream: number; encode: NonNullable<ConvertJob["video"]["encode"]> };
  encoder: Encoder;
  rungs: { output: string; filter: string; width: number; height: number; options: Record<string, string> }[];
}

/** `filter` is what the sound goes through before it is measured. */
export interface LoudnessJob {
  source: SourceFile;
  stream: number;
  baseMs: number;
  filter: string;
}

export interface StillJob {
  source: SourceFile;
  stream: number;
  atMs: number;
  filter: string;
  output: string;
  /** The filter makes its picture of all of them. */
  ofAll?: boolean;
}

export interface SampleJob {
  source: SourceFile;
  stream: number;
  /** Yields small pictures of 8-bit grey. */
  filter: string;
  maxFrames: number;
}

/** How bright the mastered pictures are, in cd/m²; 0 if unknown. */
export interface LightFacts {
  masteringPeak: number;
  contentPeak: number;
}

/** Limits of one run. */
export interface Run {
  signal: AbortSignal;
  timeoutMs: number;
  /** Somebody waits for it. */
  awaited?: boolean;
  /** Decoders refuse larger frames before they allocate them. */
  maxPixels: number;
  /**
   * For decoders that may open no file: the open files that children have as descriptors from 3 on, and how to get an
   * empty one.
   */
  lent?: { fds: readonly number[]; scratch(): Promise<string> };
}

/** Every method rejects with `ChildFailed` if the media is the cause, or with a refusal (see child-run.ts). */
export interface MediaEngine {
  readonly name: string;
  inspect(source: SourceFile, run: Run): Promise<SourceFacts>;
  /** `inspect`, and a read to the end without decoding. */
  survey(source: SourceFile, options: SurveyOptions, run: Run): Promise<Survey>;
  /** Which of the streams can be decoded at their beginning: one picture, or a second of sound. */
  decodable(source: SourceFile, streams: readonly StreamFacts[], run: Run): Promise<StreamFacts[]>;
  /** What the first pictures of a stream tell about their brightness. */
  light(source: SourceFile, stream: number, run: Run): Promise<LightFacts>;
  /** The different sequence parameters of an H.264 stream, up to its end. */
  sequences(source: SourceFile, stream: number, run: Run): Promise<Buffer[]>;
  /** Grey pictures in order, without padding. */
  sample(job: SampleJob, run: Run): Promise<Buffer>;
  /** How loud a stream is; null where there is nothing to hear. */
  loudness(job: LoudnessJob, run: Run): Promise<Loudness | null>;
  /** Writes one frame as JPEG; the last one if there is none at `atMs`. */
  still(job: StillJob, run: Run): Promise<void>;
  /** Resolves with the time at which the output ends. */
  convert(job: ConvertJob, run: Run, onProgress: (outMs: number) => void): Promise<number>;
  /** Encodes a few pictures; rejects if the encoder does not work here. Absent: the engine has software alone. */
  tryEncoder?(encoder: Encoder, run: Run): Promise<void>;
  /** With one thread, so that what people wait for has the others. */
  ladder(job: LadderJob, run: Run): Promise<void>;
}
