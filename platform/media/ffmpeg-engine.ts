import { type ChildBounds, runChild } from "./child-run.ts";
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
import { outTimeMs } from "./progress.ts";

export interface FfmpegPrograms {
  ffmpeg: string;
  ffprobe: string;
}

/** The programs ffmpeg and ffprobe, 5.1 or later. */
export function createFfmpegEngine(programs: FfmpegPrograms, limits: MediaLimits): MediaEngine {
  const bounds = (run: Run): ChildBounds => ({ ...run, maxMemoryBytes: limits.maxMemoryBytes });
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

  return {
    name: "ffmpeg",

    async inspect(source, run) {
      const args = ["-v", "error", "-show_format", "-show_streams", "-of", "json", ...inputArguments(source)];
      return readProbe(JSON.parse((await runChild(programs.ffprobe, args, bounds(run))).toString()));
    },

    async measure(source, stream, run) {
      let endMs = 0;
      const args = [...input(source, run), "-map", `0:${stream}`, "-c", "copy", "-f", "null", "-"];
      await ffmpeg([...PROGRESS, ...args], run, (line) => {
        endMs = outTimeMs(line) ?? endMs;
      });
      return endMs;
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
      let endMs = 0;
      await ffmpeg(
        [...PROGRESS, ...input(job.source, run, KEEP_FILTERS), ...convertArguments(job, threads)],
        run,
        (line) => {
          const ms = outTimeMs(line);
          if (ms === null) return;
          endMs = ms;
          onProgress(ms);
        },
      );
      return endMs;
    },
  };
}

const PROGRESS = ["-nostats", "-progress", "pipe:1"];
/** Changes of size on the way are left to the scale filter: a graph built anew would start again at zero. */
const KEEP_FILTERS = ["-reinit_filter", "0"];
const BIT_EXACT = ["-fflags", "+bitexact", "-flags:v", "+bitexact", "-flags:a", "+bitexact"];

/** `file:` also keeps a name from being read as an option or another protocol. */
function inputArguments(source: SourceFile): string[] {
  const { path, demuxer } = source;
  return ["-protocol_whitelist", "file", "-format_whitelist", demuxer, "-f", demuxer, "-i", `file:${path}`];
}

function convertArguments({ video, audio, output, maxOutputBytes }: ConvertJob, threads: string): string[] {
  const args = ["-map", `0:${video.stream}`];
  if (audio) args.push("-map", `0:${audio.stream}`);
  if (video.encode) {
    // ffmpeg brings the picture upright by itself.
    args.push("-filter:v", video.encode.filter, "-c:v", "libx264", "-threads:v", threads);
    for (const [name, value] of Object.entries(video.encode.options)) args.push(`-${name}:v`, value);
  } else args.push("-c:v", "copy");
  if (audio?.encode) {
    args.push("-filter:a", audio.encode.filter, "-c:a", "aac");
    for (const [name, value] of Object.entries(audio.encode.options)) args.push(`-${name}:a`, value);
  } else if (audio) args.push("-c:a", "copy");
  return [
    ...args,
    ...["-map_metadata", "-1", "-map_chapters", "-1", ...BIT_EXACT],
    ...["-movflags", "+faststart", "-fs", String(maxOutputBytes), "-f", "mp4", `file:${output}`],
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
  channels?: number;
  disposition?: { attached_pic?: number };
  side_data_list?: { displaymatrix?: string }[];
}

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
    pixelFormat: stream.pix_fmt ?? "unknown",
    width: stream.width ?? 0,
    height: stream.height ?? 0,
    pixelAspect: readRational(stream.sample_aspect_ratio),
    frameRate: readRational(stream.avg_frame_rate),
    nominalFrameRate: readRational(stream.r_frame_rate),
    transfer: stream.color_transfer ?? "unknown",
    displayMatrix: matrix ? readMatrix(matrix) : null,
    attachedPicture: stream.disposition?.attached_pic === 1,
    channels: stream.channels ?? 0,
  };
}

/** Three lines of an offset, a colon and three numbers. */
function readMatrix(text: string): number[] {
  return text
    .split("\n")
    .flatMap((line) => line.split(":")[1]?.trim().split(/\s+/) ?? [])
    .map(Number);
}

function readRational(text = "0/0"): Rational {
  const [num = 0, den = 0] = text.split(/[:/]/).map(Number);
  return { num, den };
}
