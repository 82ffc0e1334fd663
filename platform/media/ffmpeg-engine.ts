import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { type ChildBounds, ChildFailed, runChild } from "./child-run.ts";
import { splitByteStream } from "./h264.ts";
import type {
  ConvertJob,
  MediaEngine,
  Rational,
  Run,
  SampleJob,
  SourceFacts,
  SourceFile,
  StillJob,
  StreamFacts,
} from "./media-engine.ts";
import type { MediaLimits } from "./media-limits.ts";
import { PacketSurvey, type SurveyedPacket } from "./packet-survey.ts";
import { outTimeMs } from "./progress.ts";

export interface FfmpegPrograms {
  ffmpeg: string;
  ffprobe: string;
}

/** The programs ffmpeg and ffprobe, 5.1 or later. */
export function createFfmpegEngine(
  programs: FfmpegPrograms,
  limits: MediaLimits,
  prefix: readonly string[] = [],
): MediaEngine {
  const bounds = (run: Run): ChildBounds => ({ ...run, maxMemoryBytes: limits.maxMemoryBytes, prefix });
  const threads = String(limits.threads);
  const ffmpeg = (args: string[], run: Run, onLine?: (line: string) => void) => {
    // A second fence, of processor time, should this process die and no longer watch.
    const seconds = String(Math.ceil((run.timeoutMs / 1000) * (limits.threads + 1)));
    const all = ["-hide_banner", "-nostdin", "-loglevel", "error", "-timelimit", seconds, "-y"];
    return runChild(programs.ffmpeg, [...all, "-filter_threads", threads, ...args], bounds(run), onLine);
  };
  const input = (source: SourceFile, run: Run, options: string[] = []) => [
    ...["-threads", threads, "-max_pixels", String(run.maxPixels), ...options],
    ...inputArguments(source),
  ];

  /**
   * ffprobe gives up on a file when it cannot open the decoder of any stream of it. It is shown a copy without that
   * stream then; `left` tells which of the original a stream of the copy is.
   */
  const readable = async <T>(
    source: SourceFile,
    run: Run,
    ask: (source: SourceFile, left: (index: number) => number, unreadable: number | null) => Promise<T>,
  ): Promise<T> => {
    try {
      return await ask(source, (index) => index, null);
    } catch (error) {
      const unreadable = error instanceof ChildFailed ? UNREADABLE.exec(error.message)?.[1] : undefined;
      if (unreadable === undefined) throw error;
      return withScratch(`${source.path}.${randomUUID()}.copy`, run, async (path) => {
        const kept = ["-map", "0", "-map", `-0:${unreadable}`, "-c", "copy", "-f", "mov", `file:${path}`];
        await ffmpeg(["-copyts", ...input(source, run), ...kept], run);
        const left = (index: number) => (index < Number(unreadable) ? index : index + 1);
        return await ask({ ...source, path, demuxer: "mov" }, left, Number(unreadable));
      });
    }
  };

  return {
    name: "ffmpeg",

    inspect: (original, run) =>
      readable(original, run, async (source, left, unreadable) => {
        const args = [...TELLING, "-show_format", "-show_streams", "-of", "json", ...inputArguments(source)];
        const facts = readProbe(JSON.parse((await runChild(programs.ffprobe, args, bounds(run))).toString()));
        const streams = facts.streams.map((stream) => ({ ...stream, index: left(stream.index) }));
        if (unreadable !== null) streams.push(readStream({ index: unreadable, codec_type: "audio" }));
        return { ...facts, streams };
      }),

    survey: (original, options, run) =>
      readable(original, run, async (source, left) => {
        const survey = new PacketSurvey(options);
        const times = "pts_time,dts_time,duration_time";
        const fields = `packet=stream_index,${times},size,pos,flags:packet_side_data=side_data_type`;
        const args = [...TELLING, "-show_entries", fields, "-of", "compact", ...inputArguments(source)];
        await runChild(programs.ffprobe, args, bounds(run), (line) => {
          if (line.startsWith("packet|")) survey.add(readPacket(line));
        });
        return survey.result().map((span) => ({ ...span, index: left(span.index) }));
      }),

    async hear(source, stream, run) {
      const output = ["-t", "1", "-ac", "1", "-ar", "8000", "-f", "s16le", "pipe:1"];
      try {
        return (await ffmpeg([...input(source, run), "-map", `0:${stream}`, ...output], run)).length > 0;
      } catch (error) {
        if (error instanceof ChildFailed) return false;
        throw error;
      }
    },

    async light(source, stream, run) {
      const args = ["-v", "error", "-threads", threads, "-max_pixels", String(run.maxPixels)];
      args.push("-select_streams", String(stream), "-read_intervals", "%+#1");
      args.push("-show_entries", "frame=pts:frame_side_data_list", "-of", "json", ...inputArguments(source));
      const { frames = [] } = JSON.parse((await runChild(programs.ffprobe, args, bounds(run))).toString());
      const told: ProbeSideData[] = frames[0]?.side_data_list ?? [];
      const peak = readRational(told.find((data) => data.max_luminance !== undefined)?.max_luminance);
      return {
        masteringPeak: peak.den === 0 ? 0 : peak.num / peak.den,
        contentPeak: told.find((data) => data.max_content !== undefined)?.max_content ?? 0,
      };
    },

    async sequences(source, stream, run) {
      const filter = "h264_mp4toannexb,filter_units=pass_types=7";
      const output = ["-c", "copy", "-bsf:v", filter, "-f", "data", "pipe:1"];
      const found = await ffmpeg([...input(source, run), "-map", `0:${stream}`, ...output], run);
      return distinct(splitByteStream(found));
    },

    sample({ source, stream, filter, maxFrames }: SampleJob, run) {
      const output = ["-an", "-vf", filter, "-frames:v", String(maxFrames), "-f", "rawvideo", "pipe:1"];
      return ffmpeg([...input(source, run, ["-noautorotate"]), "-map", `0:${stream}`, ...output], run);
    },

    async still({ source, stream, atMs, filter, output }: StillJob, run) {
      const seek = atMs > 0 ? ["-ss", (atMs / 1000).toFixed(3)] : [];
      await ffmpeg(
        [
          ...input(source, run, ["-noautorotate", ...seek]),
          ...["-map", `0:${stream}`, "-an", "-vf", filter, "-frames:v", "1", "-q:v", "3"],
          ...[...BIT_EXACT, "-map_metadata", "-1", "-c:v", "mjpeg", "-f", "mjpeg", `file:${output}`],
        ],
        run,
      );
    },

    async convert(job: ConvertJob, run, onProgress) {
      const write = async (inputs: string[], soundFrom: number) => {
        let endMs = 0;
        await ffmpeg([...PROGRESS, ...inputs, ...convertArguments(job, soundFrom, threads)], run, (line) => {
          const ms = outTimeMs(line);
          if (ms === null) return;
          endMs = ms;
          onProgress(ms);
        });
        return endMs;
      };
      const pictures = input(job.source, run, [...KEEP_FILTERS, ...clock(job.baseMs)]);
      try {
        return await write(pictures, 0);
      } catch (error) {
        if (!(error instanceof ChildFailed) || !job.audio?.encode) throw error;
        const { stream } = job.audio;
        return withScratch(`${job.output}.sound`, run, async (sound) => {
          // Filters cannot follow sound that changes its layout or rate: it is brought to one form before them.
          const one = ["-map", `0:${stream}`, "-af", ONE_FORM_OF_SOUND, "-c:a", "flac", "-fs"];
          const file = [String(job.maxOutputBytes), "-f", "matroska", `file:${sound}`];
          await ffmpeg([...input(job.source, run, clock(job.baseMs)), ...one, ...file], run);
          // Seen from zero, not from where it starts.
          const again = ["-protocol_whitelist", "file", "-f", "matroska", "-i", `file:${sound}`];
          return write([...pictures, ...again], 1);
        });
      }
    },
  };
}

/** Leaves nothing of a file that is only needed on the way. */
async function withScratch<T>(path: string, run: Run, use: (path: string) => Promise<T>): Promise<T> {
  if (run.lent) return use(await run.lent.scratch());
  try {
    return await use(path);
  } finally {
    await rm(path, { force: true });
  }
}

const PROGRESS = ["-nostats", "-progress", "pipe:1"];
/** Changes of size on the way are left to the scale filter: a graph built anew would start again at zero. */
const KEEP_FILTERS = ["-reinit_filter", "0"];
/** Times are the container's own, seen from `baseMs`: what has to be mended in them is left to the filters. */
const clock = (baseMs: number) => ["-copyts", "-itsoffset", (-baseMs / 1000).toFixed(6)];
const ONE_FORM_OF_SOUND = "aresample=48000,aformat=sample_fmts=s16:channel_layouts=stereo";
const BIT_EXACT = ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"];

/** What ffprobe cannot open it only warns of. */
const TELLING = ["-v", "warning"];
const UNREADABLE = /Could not open codec for input stream (\d+)/;

/** `file:` also keeps a name from being read as an option or another protocol. */
function inputArguments({ path, demuxer, ignoreEdits }: SourceFile): string[] {
  const edits = ignoreEdits ? ["-ignore_editlist", "1"] : [];
  const only = ["-protocol_whitelist", "file", "-format_whitelist", demuxer, "-f", demuxer];
  return [...edits, ...only, "-i", `file:${path}`];
}

function convertArguments(job: ConvertJob, soundFrom: number, threads: string): string[] {
  const { video, audio, output, endMs, maxOutputBytes } = job;
  const args = ["-map", `0:${video.stream}`];
  if (audio) args.push("-map", soundFrom === 0 ? `0:${audio.stream}` : `${soundFrom}:0`);
  if (video.encode) {
    // ffmpeg brings the picture upright by itself.
    args.push("-filter:v", video.encode.filter, "-c:v", "libx264", "-threads:v", threads);
    for (const [name, value] of Object.entries(video.encode.options)) args.push(`-${name}:v`, value);
  } else args.push("-c:v", "copy", "-tag:v", "avc1", "-bsf:v", "filter_units=remove_types=6");
  if (audio?.encode) {
    args.push("-filter:a", audio.encode.filter, "-c:a", "aac");
    for (const [name, value] of Object.entries(audio.encode.options)) args.push(`-${name}:a`, value);
  } else if (audio) args.push("-c:a", "copy", "-tag:a", "mp4a");
  if (endMs !== null) args.push("-t", (endMs / 1000).toFixed(6));
  return [
    ...args,
    ...["-map_metadata", "-1", "-map_chapters", "-1", ...BIT_EXACT],
    ...[
      "-movflags",
      "+faststart",
      "-write_tmcd",
      "0",
      "-fs",
      String(maxOutputBytes),
      "-f",
      "mp4",
      `file:${output}`,
    ],
  ];
}

interface ProbeStream {
  index: number;
  codec_type?: string;
  codec_name?: string;
  pix_fmt?: string;
  width?: number;
  height?: number;
  sample_aspect_ratio?: string;
  avg_frame_rate?: string;
  r_frame_rate?: string;
  color_transfer?: string;
  color_space?: string;
  color_primaries?: string;
  color_range?: string;
  profile?: string;
  field_order?: string;
  channels?: number;
  sample_rate?: string;
  disposition?: { attached_pic?: number; default?: number };
  side_data_list?: ProbeSideData[];
}

interface ProbeSideData {
  displaymatrix?: string;
  dv_bl_signal_compatibility_id?: number;
  max_luminance?: string;
  max_content?: number;
}

/** `packet|name=value|…`, with the kinds of its side data behind. */
function readPacket(line: string): SurveyedPacket {
  const value = (name: string) => {
    const from = line.indexOf(`|${name}=`);
    if (from < 0) return "";
    const end = line.indexOf("|", from + 1);
    return line.slice(from + name.length + 2, end < 0 ? line.length : end);
  };
  const number = (name: string) => {
    const text = value(name);
    return text === "" || text === "N/A" ? null : Number(text);
  };
  const flags = value("flags");
  return {
    stream: number("stream_index") ?? -1,
    pts: number("pts_time"),
    dts: number("dts_time"),
    duration: number("duration_time") ?? 0,
    position: number("pos") ?? -1,
    size: number("size") ?? 0,
    discarded: flags.includes("D"),
    corrupt: flags.includes("C"),
    newSettings: line.includes("New Extradata"),
  };
}

const FIELD_ORDERS: Record<string, StreamFacts["fieldOrder"]> = {
  ...{ tt: "top-first", tb: "top-first", bb: "bottom-first", bt: "bottom-first" },
};

function readProbe(probe: { streams?: ProbeStream[]; format?: { duration?: string } }): SourceFacts {
  const seconds = Number(probe.format?.duration ?? Number.NaN);
  return {
    durationMs: seconds > 0 ? seconds * 1000 : null,
    streams: (probe.streams ?? []).map(readStream),
  };
}

function readStream(stream: ProbeStream): StreamFacts {
  const matrix = stream.side_data_list?.find((data) => data.displaymatrix)?.displaymatrix;
  return {
    index: stream.index,
    kind: stream.codec_type === "video" || stream.codec_type === "audio" ? stream.codec_type : "other",
    codec: stream.codec_name ?? "unknown",
    profile: stream.profile ?? "unknown",
    isDefault: stream.disposition?.default === 1,
    pixelFormat: stream.pix_fmt ?? "unknown",
    fieldOrder: FIELD_ORDERS[stream.field_order ?? ""] ?? "unknown",
    width: stream.width ?? 0,
    height: stream.height ?? 0,
    pixelAspect: readRational(stream.sample_aspect_ratio),
    frameRate: readRational(stream.avg_frame_rate),
    nominalFrameRate: readRational(stream.r_frame_rate),
    transfer: stream.color_transfer ?? "unknown",
    matrix: stream.color_space ?? "unknown",
    primaries: stream.color_primaries ?? "unknown",
    fullRange: stream.color_range === "pc",
    dolbyVisionBase:
      stream.side_data_list?.find((data) => data.dv_bl_signal_compatibility_id !== undefined)
        ?.dv_bl_signal_compatibility_id ?? null,
    displayMatrix: matrix ? readMatrix(matrix) : null,
    attachedPicture: stream.disposition?.attached_pic === 1,
    channels: stream.channels ?? 0,
    sampleRate: Number(stream.sample_rate ?? 0),
  };
}

/** Three lines of an offset, a colon and three numbers. */
function readMatrix(text: string): number[] {
  return text
    .split("\n")
    .flatMap((line) => line.split(":")[1]?.trim().split(/\s+/) ?? [])
    .map(Number);
}

function distinct(units: Buffer[]): Buffer[] {
  return [...new Map(units.map((unit) => [unit.toString("base64"), unit])).values()];
}

function readRational(text = "0/0"): Rational {
  const [num = 0, den = 0] = text.split(/[:/]/).map(Number);
  return { num, den };
}
