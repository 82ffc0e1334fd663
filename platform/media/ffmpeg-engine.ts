import { randomUUID } from "node:crypto";
import { rm } from "node:fs/promises";
import { type ChildBounds, ChildFailed, runChild } from "./child-run.ts";
import { SAMPLE_SIZE } from "./cover-choice.ts";
import { TRIAL_FRAMES } from "./encoders.ts";
import { splitByteStream } from "./h264.ts";
import { LUFS_KEY, loudnessOf, MEASURE_FILTER, PEAK_KEY } from "./loudness.ts";
import type {
  ConvertJob,
  LadderJob,
  MediaEngine,
  Rational,
  Run,
  SampleJob,
  SourceFile,
  StillJob,
  StreamFacts,
  Survey,
} from "./media-engine.ts";
import type { MediaLimits } from "./media-limits.ts";
import { PacketSurvey, type SurveyedPacket, type SurveyOptions } from "./packet-survey.ts";
import { FRAGMENT_FLAGS, SHORT_FRAGMENTS } from "./plan.ts";
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
    // A second limit, of processor time, in case this process dies and cannot watch.
    const seconds = String(Math.ceil((run.timeoutMs / 1000) * (limits.threads + 1)));
    const all = ["-hide_banner", "-nostdin", "-loglevel", "error", "-timelimit", seconds, "-y"];
    const filters = ["-filter_threads", threads, "-filter_complex_threads", threads];
    return runChild(programs.ffmpeg, [...all, ...filters, ...args], bounds(run), onLine);
  };
  const input = (source: SourceFile, run: Run, options: string[] = []) => [
    ...["-threads", threads, "-max_pixels", String(run.maxPixels), ...options],
    ...inputArguments(source),
  ];

  /**
   * ffprobe fails on a file if it cannot open the decoder of one of its streams. Then it gets a copy without that
   * stream; `left` maps a stream of the copy to the original.
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

  /** What ffprobe reports about the streams and, with `options`, about every packet. */
  const tell = (original: SourceFile, options: SurveyOptions | null, run: Run): Promise<Survey> =>
    readable(original, run, async (source, left, unreadable) => {
      const survey = options && new PacketSurvey(options);
      // By index: programs list the streams once more, before.
      const streams = new Map<number, StreamFacts>();
      const add = (stream: StreamFacts) => streams.set(stream.index, stream);
      let durationMs: number | null = null;
      const entries = survey ? `${PACKETS}:${FACTS}` : FACTS;
      const args = [...TELLING, "-show_entries", entries, "-of", "compact", ...inputArguments(source)];
      await runChild(programs.ffprobe, args, bounds(run), (line) => {
        if (line.startsWith("packet|")) survey?.add(readPacket(line));
        else if (line.startsWith("stream|")) add(readStream(line, left));
        else if (line.startsWith("format|")) durationMs = 1000 * numberIn(line, "duration") || null;
      });
      if (unreadable !== null)
        add(readStream(`stream|index=${unreadable}|codec_type=audio`, (index) => index));
      const spans = survey?.result() ?? [];
      return {
        facts: { durationMs, streams: [...streams.values()] },
        spans: spans.map((span) => ({ ...span, index: left(span.index) })),
      };
    });

  return {
    name: "ffmpeg",

    inspect: async (source, run) => (await tell(source, null, run)).facts,
    survey: (source, options, run) => tell(source, options, run),

    async decodable(source, streams, run) {
      const begins = async (some: readonly StreamFacts[]) => {
        const mapped = some.flatMap(({ index }) => ["-map", `0:${index}`]);
        const output = [...BEGINNING, "-f", "framecrc", "pipe:1"];
        try {
          const lines = (await ffmpeg([...input(source, run, ["-noautorotate"]), ...mapped, ...output], run))
            .toString()
            .split("\n");
          return some.filter((_, at) => lines.some((line) => line.startsWith(`${at},`)));
        } catch (error) {
          if (error instanceof ChildFailed) return [];
          throw error;
        }
      };
      const together = await begins(streams);
      if (together.length === streams.length || streams.length === 1) return together;
      // A stream that cannot be decoded may have kept the others from being decoded.
      const alone: StreamFacts[] = [];
      for (const stream of streams) alone.push(...(await begins([stream])));
      return alone;
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

    async loudness({ source, stream, baseMs, filter }, run) {
      let lufs: string | undefined;
      let peak: string | undefined;
      const measure = `${filter},${MEASURE_FILTER},ametadata=mode=print:file=-`;
      const args = ["-map", `0:${stream}`, "-af", measure, "-f", "null", "-"];
      await ffmpeg([...input(source, run, clock(baseMs)), ...args], run, (line) => {
        const [name, value] = line.split("=");
        if (name === LUFS_KEY) lufs = value;
        else if (name === PEAK_KEY) peak = value;
      });
      return loudnessOf(lufs, peak);
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
          // Filters cannot follow sound that changes its layout or rate, so it is converted to one form first.
          const one = ["-map", `0:${stream}`, "-af", ONE_FORM_OF_SOUND, "-c:a", "flac", "-fs"];
          const file = [String(job.maxOutputBytes), "-f", "matroska", `file:${sound}`];
          await ffmpeg([...input(job.source, run, clock(job.baseMs)), ...one, ...file], run);
          // Relative to zero, not to its start.
          const again = ["-protocol_whitelist", "file", "-f", "matroska", "-i", `file:${sound}`];
          return write([...pictures, ...again], 1);
        });
      }
    },

    async tryEncoder({ name, device, upload, options }, run) {
      const picture = ["-f", "lavfi", "-i", "testsrc2=size=320x240:rate=10"];
      const filters = ["-vf", ["format=yuv420p", ...upload].join(","), "-frames:v", String(TRIAL_FRAMES)];
      const settings = Object.entries(options(800_000)).flatMap(([key, value]) => [`-${key}:v`, value]);
      await ffmpeg([...device, ...picture, ...filters, "-c:v", name, ...settings, "-f", "null", "-"], run);
    },

    async ladder(job: LadderJob, run) {
      const pictures = [
        ...job.encoder.device,
        ...input(job.source, run, [...KEEP_FILTERS, ...clock(job.baseMs)]),
      ];
      await ffmpeg(["-filter_complex_threads", "1", ...pictures, ...ladderArguments(job)], run);
    },
  };
}

/** `keyTimeSeconds` in FFmpeg's words. */
const KEY_FRAMES = `expr:gte(t,if(lt(n_forced,${SHORT_FRAGMENTS}),n_forced,2*n_forced-${SHORT_FRAGMENTS}))`;

/** Removes a temporary file in any case. */
async function withScratch<T>(path: string, run: Run, use: (path: string) => Promise<T>): Promise<T> {
  if (run.lent) return use(await run.lent.scratch());
  try {
    return await use(path);
  } finally {
    await rm(path, { force: true });
  }
}

const PROGRESS = ["-nostats", "-progress", "pipe:1"];
/** Changes of size are left to the scale filter: a new graph would start again at zero. */
const KEEP_FILTERS = ["-reinit_filter", "0"];
/** Times are the container's own, relative to `baseMs`: the filters repair them. */
const clock = (baseMs: number) => ["-copyts", "-itsoffset", (-baseMs / 1000).toFixed(6)];
const ONE_FORM_OF_SOUND = "aresample=48000,aformat=sample_fmts=s16:channel_layouts=stereo";
const BIT_EXACT = ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"];

/** ffprobe only warns about what it cannot open. */
const TELLING = ["-v", "warning"];
const PACKETS =
  "packet=stream_index,pts_time,dts_time,duration_time,size,pos,flags:packet_side_data=side_data_type";
/** No free text of the file: each line must stay one line. */
const FACTS = [
  "stream=index,codec_type,codec_name,profile,pix_fmt,field_order,width,height,sample_aspect_ratio,avg_frame_rate",
  "stream=r_frame_rate,color_transfer,color_space,color_primaries,color_range,channels,sample_rate,nb_frames",
  "stream_disposition=default,attached_pic",
  "stream_side_data=displaymatrix,dv_bl_signal_compatibility_id",
  "format=duration",
].join(":");
/** One small picture, and a second of sound. By filters: `-frames` and `-t` would end both streams at once. */
const BEGINNING = [
  ...["-filter:v", `${SAMPLE_SIZE},trim=end_frame=1`, "-c:v", "rawvideo"],
  ...["-filter:a", "atrim=duration=1", "-ac", "1", "-ar", "8000", "-c:a", "pcm_s16le"],
];
const UNREADABLE = /Could not open codec for input stream (\d+)/;

/** `file:` also keeps a name from being read as an option or another protocol. */
function inputArguments({ path, demuxer, ignoreEdits }: SourceFile): string[] {
  const edits = ignoreEdits ? ["-ignore_editlist", "1"] : [];
  const only = ["-protocol_whitelist", "file", "-format_whitelist", demuxer, "-f", demuxer];
  return [...edits, ...only, "-i", `file:${path}`];
}

function convertArguments(job: ConvertJob, soundFrom: number, threads: string): string[] {
  const { video, audio, output, endMs, maxOutputBytes, samples } = job;
  const args: string[] = [];
  if (video.encode && samples) {
    const graph = `[0:${video.stream}]${video.encode.filter},split[all][some];[some]${samples.filter}[samples]`;
    args.push("-filter_complex", graph, "-map", "[all]");
  } else args.push("-map", `0:${video.stream}`);
  if (audio) args.push("-map", soundFrom === 0 ? `0:${audio.stream}` : `${soundFrom}:0`);
  if (video.encode) {
    // ffmpeg rotates the picture by itself.
    if (!samples) args.push("-filter:v", video.encode.filter);
    args.push("-c:v", "libx264", "-threads:v", threads);
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
    ...(samples ? ["-map", "[samples]", "-f", "rawvideo", `file:${samples.output}`] : []),
  ];
}

/** One decoder, one filter graph that splits, one sound, and as many files as rungs. */
function ladderArguments({ video, audio, endMs, rungs, encoder }: LadderJob): string[] {
  const ends = rungs.map((_, at) => `[s${at}]`).join("");
  const sizes = rungs.map(({ filter }, at) => `[s${at}]${[filter, ...encoder.upload].join(",")}[v${at}]`);
  const graph = [`[0:${video.stream}]${video.encode.filter},split=${rungs.length}${ends}`, ...sizes].join(
    ";",
  );
  const args = ["-filter_complex", graph, ...rungs.flatMap((_, at) => ["-map", `[v${at}]`])];
  args.push("-c:v", encoder.name, "-force_key_frames:v", KEY_FRAMES);
  rungs.forEach(({ options }, at) => {
    for (const [name, value] of Object.entries(options)) args.push(`-${name}:v:${at}`, value);
  });
  if (audio?.encode) {
    args.push("-map", `0:${audio.stream}`, "-filter:a", audio.encode.filter, "-c:a", "aac");
    for (const [name, value] of Object.entries(audio.encode.options)) args.push(`-${name}:a`, value);
  }
  if (endMs !== null) args.push("-t", (endMs / 1000).toFixed(6));
  args.push("-map_metadata", "-1", "-map_chapters", "-1", "-fflags", "+bitexact");
  // The muxer for several files does not ask for it itself.
  for (const kind of ["v", "a"]) args.push(`-flags:${kind}`, "+bitexact+global_header");
  const files = rungs.map(({ output }, at) => {
    const streams = `v:${at}${audio ? ",a:0" : ""}`;
    const path = output.replace(/[\\'|\s]/g, "\\$&");
    return `[select=\\'${streams}\\':f=mp4:movflags=${FRAGMENT_FLAGS}:use_editlist=1]file:${path}`;
  });
  return [...args, "-f", "tee", files.join("|")];
}

interface ProbeSideData {
  max_luminance?: string;
  max_content?: number;
}

/** `section|name=value|…`, followed by side data; undefined if it is missing. */
function valueIn(line: string, name: string): string | undefined {
  const from = line.indexOf(`|${name}=`);
  if (from < 0) return undefined;
  const end = line.indexOf("|", from + 1);
  const value = line.slice(from + name.length + 2, end < 0 ? line.length : end);
  return value === "N/A" ? undefined : value;
}

function numberIn(line: string, name: string): number {
  return Number(valueIn(line, name) ?? Number.NaN);
}

function readPacket(line: string): SurveyedPacket {
  const number = (name: string, otherwise: number) => Number(valueIn(line, name) ?? otherwise);
  const time = (name: string) => numberOrNull(valueIn(line, name));
  const flags = valueIn(line, "flags") ?? "";
  return {
    stream: number("stream_index", -1),
    pts: time("pts_time"),
    dts: time("dts_time"),
    duration: number("duration_time", 0),
    position: number("pos", -1),
    size: number("size", 0),
    discarded: flags.includes("D"),
    corrupt: flags.includes("C"),
    newSettings: line.includes("New Extradata"),
  };
}

const FIELD_ORDERS: Record<string, StreamFacts["fieldOrder"]> = {
  ...{ tt: "top-first", tb: "top-first", bb: "bottom-first", bt: "bottom-first" },
};

function readStream(line: string, left: (index: number) => number): StreamFacts {
  const text = (name: string) => valueIn(line, name) ?? "unknown";
  const number = (name: string) => numberIn(line, name) || 0;
  const kind = text("codec_type");
  const matrix = valueIn(line, "displaymatrix");
  return {
    index: left(number("index")),
    kind: kind === "video" || kind === "audio" ? kind : "other",
    codec: text("codec_name"),
    profile: text("profile"),
    isDefault: number("disposition:default") === 1,
    pixelFormat: text("pix_fmt"),
    fieldOrder: FIELD_ORDERS[text("field_order")] ?? "unknown",
    width: number("width"),
    height: number("height"),
    pixelAspect: readRational(valueIn(line, "sample_aspect_ratio")),
    frameRate: readRational(valueIn(line, "avg_frame_rate")),
    nominalFrameRate: readRational(valueIn(line, "r_frame_rate")),
    transfer: text("color_transfer"),
    matrix: text("color_space"),
    primaries: text("color_primaries"),
    fullRange: text("color_range") === "pc",
    dolbyVisionBase: numberOrNull(valueIn(line, "dv_bl_signal_compatibility_id")),
    displayMatrix: matrix ? readMatrix(matrix) : null,
    attachedPicture: number("disposition:attached_pic") === 1,
    channels: number("channels"),
    sampleRate: number("sample_rate"),
    frames: number("nb_frames") || null,
  };
}

function numberOrNull(text: string | undefined): number | null {
  return text === undefined ? null : Number(text);
}

/** Three lines of an offset, a colon and three numbers; their ends are written as `\n`. */
function readMatrix(text: string): number[] {
  return text
    .split("\\n")
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
