import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { patienceMs } from "../testing/patience.ts";
import { bundleMediaWorker } from "./bundle-worker.ts";
import { createFfmpegEngine } from "./ffmpeg-engine.ts";
import { confinedTool, findLack } from "./find-media-tool.ts";
import { DEFAULT_MEDIA_LIMITS } from "./media-limits.ts";
import type { MediaInfo, MediaTool, RenditionInfo } from "./media-tool.ts";
import { createNodeAvEngine } from "./node-av-engine.ts";

/**
 * Files of the forms that people report to projects like this one, and the right outcome for each: published, with
 * its real duration, as an MP4 that every browser plays and that contains only what it shows.
 */

/** The defaults, with enough time for a busy machine: decoders get what others leave of it. */
const LIMITS = { ...DEFAULT_MEDIA_LIMITS, probeTimeoutMs: patienceMs, surveyTimeoutMs: patienceMs };
const PROGRAMS = { ffmpeg: "ffmpeg", ffprobe: "ffprobe" };
const signal = new AbortController().signal;
const repository = fileURLToPath(new URL("../../", import.meta.url));
const worker = join(repository, "build", "test", `field-worker-${randomUUID()}.js`);
const field = (name: string) => join(repository, "platform/media/testdata/field", name);
const own = (name: string) => join(repository, "platform/media/testdata", name);
const execute = promisify(execFile);

let lack: string | null;
let directory: string;
beforeAll(async () => {
  await bundleMediaWorker(worker);
  lack = await findLack(PROGRAMS, LIMITS);
  directory = await mkdtemp(join(tmpdir(), "field-"));
});
afterAll(async () => {
  await rm(worker, { force: true });
  await rm(directory, { recursive: true, force: true });
});

const BARS = "testsrc2=size=128x72:rate=25";
const bars = (seconds: number) => ["-f", "lavfi", "-i", `${BARS}:duration=${seconds}`];
const tone = (hz: number, seconds: number) => [
  "-f",
  "lavfi",
  "-i",
  `sine=frequency=${hz}:duration=${seconds}`,
];
const X264 = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"];
const AAC = ["-c:a", "aac", "-b:a", "64k"];

async function ffmpeg(...args: string[]): Promise<Buffer> {
  const all = ["-v", "error", "-nostdin", "-y", ...args];
  const { stdout } = await execute("ffmpeg", all, { encoding: "buffer", maxBuffer: 1e8 });
  return stdout;
}

/** Makes a file with ffmpeg; the last argument is its name. */
function making(...args: string[]): () => Promise<string> {
  return async () => {
    const path = join(directory, `${randomUUID()}-${args.at(-1)}`);
    await ffmpeg(...args.slice(0, -1), path);
    return path;
  };
}

/** A copy of a file with some bytes changed. */
function changing(from: () => Promise<string>, change: (bytes: Buffer) => Buffer): () => Promise<string> {
  return async () => {
    const path = await from();
    await writeFile(path, change(await readFile(path)));
    return path;
  };
}

function joining(...from: (() => Promise<string>)[]): () => Promise<string> {
  return async () => {
    const paths = await Promise.all(from.map((make) => make()));
    await writeFile(paths[0]!, Buffer.concat(await Promise.all(paths.map((path) => readFile(path)))));
    return paths[0]!;
  };
}

const stored = (path: string) => async () => path;
const plain = (name: string, ...more: string[]) =>
  making(...bars(2), ...tone(440, 2), ...X264, ...AAC, ...more, name);

interface Published {
  path: string;
  info: MediaInfo;
  made: RenditionInfo;
  copied: boolean;
}

interface Case {
  name: string;
  input: () => Promise<string>;
  seconds: number;
  /** The tolerance; slightly more than two frames unless another is given. */
  within?: number;
  sound: boolean;
  copied?: boolean;
  size?: [number, number];
  notices?: string[];
  check?: (published: Published) => Promise<void>;
}

const cases: Case[] = [
  {
    name: "a subtitle that is longer",
    input: stored(field("subtitle-longer.mkv")),
    seconds: 4,
    sound: true,
    copied: true,
  },
  { name: "packets of 192 bytes", input: stored(field("avchd.m2ts")), seconds: 3, sound: true },
  {
    name: "packets of 204 bytes that start in the middle of one",
    input: changing(plain("dvb.ts"), (bytes) => {
      const packets = Array.from({ length: bytes.length / 188 }, (_, at) =>
        bytes.subarray(at * 188, at * 188 + 188),
      );
      return Buffer.concat(packets.flatMap((packet) => [packet, Buffer.alloc(16)])).subarray(100);
    }),
    seconds: 2,
    within: 0.3,
    sound: true,
  },
  {
    name: "interlaced H.264 in MP4",
    input: stored(field("interlaced-h264.mp4")),
    seconds: 2,
    sound: true,
    copied: false,
    check: isProgressive,
  },
  {
    name: "interlaced MPEG-2 in MOV",
    input: making(
      "-f",
      "lavfi",
      "-i",
      "testsrc2=size=352x288:rate=50:duration=2",
      "-vf",
      "interlace",
      "-c:v",
      "mpeg2video",
      "-flags",
      "+ilme+ildct",
      "-q:v",
      "3",
      "a.mov",
    ),
    seconds: 2,
    sound: false,
    check: isProgressive,
  },
  {
    name: "interlaced pictures that only the container declares",
    input: making(
      "-f",
      "lavfi",
      "-i",
      "testsrc2=size=352x288:rate=50:duration=2",
      "-vf",
      "interlace",
      "-c:v",
      "mjpeg",
      "-q:v",
      "3",
      "-pix_fmt",
      "yuvj420p",
      "-field_order",
      "tt",
      "a.mov",
    ),
    seconds: 2,
    sound: false,
    check: isProgressive,
  },
  {
    name: "a first sound that nobody can decode",
    input: stored(field("apac-first.mov")),
    seconds: 3,
    sound: true,
  },
  {
    name: "no sound that anybody can decode",
    input: changing(plain("none.mov", "-movflags", "+faststart"), (bytes) =>
      replaced(replaced(bytes, "mp4a", "apac"), "esds", "free"),
    ),
    seconds: 2,
    sound: false,
    notices: ["SOUND_LEFT_OUT"],
  },
  {
    name: "AAC of a kind that has no decoder",
    // The decoder settings claim object type 42 (USAC), which these packets are not.
    input: changing(plain("xhe.mp4"), (bytes) => {
      const at = bytes.indexOf(Buffer.from([0x05, 0x80, 0x80, 0x80])) + 5;
      bytes[at] = 0xf9;
      bytes[at + 1] = 0x46;
      return bytes;
    }),
    seconds: 2,
    sound: false,
    notices: ["SOUND_LEFT_OUT"],
  },
  {
    name: "PQ of 1000 cd/m²",
    input: stored(field("pq-1000nits.mp4")),
    seconds: 1,
    sound: false,
    check: hasColours,
  },
  {
    name: "PQ that claims 0.005 cd/m²",
    input: stored(field("pq-peak-0.005nits.mp4")),
    seconds: 1,
    sound: false,
    check: hasColours,
  },
  {
    name: "PQ without a matrix",
    input: stored(field("pq-untagged-matrix.mp4")),
    seconds: 1,
    sound: false,
    check: hasColours,
  },
  { name: "HLG", input: stored(field("hlg.mov")), seconds: 1, sound: false, check: isNeutral },
  ...[
    { name: "red of BT.601, told", height: 72, matrix: "smpte170m", told: "bt709" },
    { name: "red of BT.601, not told", height: 72, matrix: "smpte170m", told: undefined },
    { name: "red of BT.709, not told", height: 720, matrix: "bt709", told: undefined },
    { name: "red of BT.2020 in the standard range", height: 72, matrix: "bt2020nc", told: "bt2020" },
  ].map(({ name, height, matrix, told }) => ({
    name,
    input: making(
      ...["-f", "lavfi", "-i", `color=red:size=128x${height}:rate=25:duration=1`, "-vf"],
      "format=gbrp,setparams=range=pc:colorspace=gbr:color_primaries=bt709:color_trc=bt709," +
        `zscale=primaries=${told ?? "bt709"}:matrix=${matrix}:range=tv,format=yuv422p`,
      ...["-color_primaries", told ?? "unknown", "-color_trc", told ? "bt709" : "unknown"],
      ...["-colorspace", told ? matrix : "unknown"],
      ...["-c:v", "libx264", "-preset", "ultrafast", "red.mp4"],
    ),
    seconds: 1,
    sound: false,
    check: isRed,
  })),
  {
    name: "sound that becomes surround",
    input: stored(field("audio-2-to-6-channels.m2t")),
    seconds: 4,
    sound: true,
  },
  {
    name: "sound whose rate changes",
    input: joining(
      making(...bars(2), ...tone(440, 2), ...X264, "-c:a", "mp2", "-ar", "48000", "a.ts"),
      making(
        ...bars(2),
        ...tone(440, 2),
        ...X264,
        "-c:a",
        "mp2",
        "-ar",
        "32000",
        "-output_ts_offset",
        "2",
        "b.ts",
      ),
    ),
    seconds: 4,
    sound: true,
    check: (published) => hears(published, 440),
  },
  {
    name: "pictures whose size and form change",
    input: joining(
      making(...bars(1), "-c:v", "mpeg2video", "a.ts"),
      making(
        "-f",
        "lavfi",
        "-i",
        "testsrc2=size=64x64:rate=25:duration=1",
        "-c:v",
        "mpeg2video",
        "-pix_fmt",
        "yuv422p",
        "-output_ts_offset",
        "1",
        "b.ts",
      ),
    ),
    seconds: 2,
    sound: false,
    size: [128, 72],
  },
  {
    name: "pictures whose size changes inside an MP4",
    input: async () => {
      const [a, b] = [
        making(...bars(1), ...X264, "a.ts"),
        making(
          "-f",
          "lavfi",
          "-i",
          "testsrc2=size=64x64:rate=25:duration=1",
          ...X264,
          "-output_ts_offset",
          "1",
          "b.ts",
        ),
      ];
      const both = await joining(a, b)();
      return making("-i", both, "-c", "copy", "both.mp4")();
    },
    seconds: 2,
    sound: false,
    copied: false,
  },
  {
    name: "a clock that restarts",
    input: stored(field("concatenated-clock-restarts.m2t")),
    seconds: 6,
    sound: true,
    check: (published) => hasFrames(published, 150, 2),
  },
  {
    name: "a clock that leaps by an hour",
    input: joining(plain("a.ts"), plain("b.ts", "-output_ts_offset", "3600")),
    seconds: 4,
    sound: true,
  },
  {
    name: "a clock that restarts in FLV",
    input: joining(
      making(...bars(2), ...tone(440, 2), ...X264, ...AAC, "a.flv"),
      changing(making(...bars(2), ...tone(440, 2), ...X264, ...AAC, "b.flv"), (bytes) => bytes.subarray(13)),
    ),
    seconds: 4,
    sound: true,
    copied: false,
  },
  {
    name: "a clock that wraps around",
    input: plain("wrap.ts", "-output_ts_offset", String(2 ** 33 / 90_000 - 1)),
    seconds: 2,
    sound: true,
  },
  { name: "one frame", input: stored(field("one-frame.mp4")), seconds: 0.04, within: 0.02, sound: false },
  {
    name: "a tenth of a second",
    input: stored(field("tenth-of-a-second.mp4")),
    seconds: 0.12,
    within: 0.05,
    sound: true,
  },
  {
    name: "one frame of VP9",
    input: making("-f", "lavfi", "-i", `${BARS}:duration=0.04`, "-c:v", "libvpx-vp9", "a.webm"),
    seconds: 0.04,
    within: 0.02,
    sound: false,
  },
  {
    name: "one frame of MPEG-2 in fields",
    input: making(
      "-f",
      "lavfi",
      "-i",
      `${BARS}:duration=0.04`,
      "-c:v",
      "mpeg2video",
      "-flags",
      "+ilme+ildct",
      "a.ts",
    ),
    seconds: 0.04,
    within: 0.05,
    sound: false,
  },
  {
    name: "a recorder's WebM without a length",
    input: stored(field("recorder-no-duration.webm")),
    seconds: 3,
    sound: true,
  },
  { name: "one frame a second", input: stored(field("timelapse-1fps.webm")), seconds: 6, sound: false },
  {
    name: "a camera's trailer",
    input: stored(field("insta360-like-trailer.mp4")),
    seconds: 4,
    sound: true,
    copied: true,
  },
  ...["free", "skip", "uuid", "wide"].map((type) => ({
    name: `a first box ${type} with a place in it`,
    input: changing(plain("first.mp4", "-movflags", "frag_keyframe+empty_moov+default_base_moof"), (bytes) =>
      Buffer.concat([box(type, "+52.5163+013.3777/SECRET"), bytes]),
    ),
    seconds: 2,
    sound: true,
  })),
  {
    name: "a place and a note in boxes of every kind",
    input: changing(
      plain(
        "place.mp4",
        "-metadata",
        "location=+52.5163+013.3777/",
        "-metadata",
        "comment=SECRET NOTE",
        "-bsf:v",
        "h264_metadata=sei_user_data=086f3693-b7b3-4f2c-9653-21492feee5b8+SECRETPLACE",
      ),
      (bytes) =>
        Buffer.concat([
          bytes,
          box("free", "SECRET PLACE"),
          box("skip", "SECRET PLACE"),
          box("uuid", "0123456789abcdefSECRET"),
        ]),
    ),
    seconds: 2,
    sound: true,
    copied: true,
  },
  {
    name: "QuickTime without its first box",
    input: changing(plain("old.mov"), (bytes) => {
      // The type box becomes one to skip, so that the positions of samples do not change.
      bytes.write("wide", 4, "latin1");
      return bytes;
    }),
    seconds: 2,
    sound: true,
    copied: true,
  },
  {
    name: "a recording in fragments that was cut off",
    input: stored(field("fragmented-cut-in-last-fragment.mp4")),
    seconds: 2,
    sound: true,
    notices: ["VIDEO_CUT_OFF"],
  },
  {
    name: "a Matroska file that was cut off",
    input: changing(plain("cut.mkv", "-g", "5"), (bytes) => bytes.subarray(0, bytes.length * 0.6)),
    seconds: 1.2,
    within: 0.4,
    sound: true,
    notices: ["VIDEO_CUT_OFF"],
  },
  {
    name: "an AVI file that was cut off",
    input: changing(plain("cut.avi", "-g", "5"), (bytes) => bytes.subarray(0, bytes.length * 0.6)),
    seconds: 1.2,
    within: 0.4,
    sound: true,
    notices: ["VIDEO_CUT_OFF"],
  },
  {
    name: "an AVI file whose writer counts the first eight bytes too",
    input: changing(plain("counted.avi"), (bytes) => {
      bytes.writeUInt32LE(bytes.length, 4);
      return bytes;
    }),
    seconds: 2,
    within: 0.1,
    sound: true,
  },
  {
    name: "what was cut off without encoding",
    input: stored(field("trimmed-without-reencoding.mp4")),
    seconds: 3,
    sound: true,
    copied: false,
    check: isGreenThroughout,
  },
  {
    name: "the default sound",
    input: stored(field("default-audio-second.mkv")),
    seconds: 2,
    sound: true,
    check: (published) => hears(published, 880),
  },
  {
    name: "sound that is a little longer",
    input: making(...bars(2), ...tone(440, 2.4), ...X264, ...AAC, "a.mp4"),
    seconds: 2,
    within: 0.03,
    sound: true,
    copied: true,
  },
  {
    name: "sound that is far longer",
    input: making(...bars(1), ...tone(440, 4), ...X264, ...AAC, "a.mp4"),
    seconds: 4,
    sound: true,
  },
  {
    name: "a picture that starts after the sound",
    input: making("-itsoffset", "1", ...bars(2), ...tone(440, 3), ...X264, ...AAC, "a.mkv"),
    seconds: 3,
    sound: true,
    copied: false,
    check: (published) => hasFrames(published, 75, 2),
  },
  {
    name: "a part of the picture in MP4, on its side",
    input: changing(
      async () =>
        making(
          "-i",
          await making(...bars(1), ...X264, "a.mp4")(),
          "-c",
          "copy",
          "-metadata:s:v",
          "rotate=270",
          "a.mp4",
        )(),
      (bytes) => {
        const numbers = Buffer.alloc(32);
        for (const [at, number] of [96, 1, 64, 1, -8, 1, 0, 1].entries())
          numbers.writeInt32BE(number, at * 4);
        return withChild(bytes, "avc1", box("clap", numbers));
      },
    ),
    seconds: 1,
    sound: false,
    copied: false,
    size: [64, 96],
  },
  {
    name: "a part of the picture in Matroska",
    input: changing(making(...bars(1), ...X264, "a.mkv"), withPixelCrop),
    seconds: 1,
    sound: false,
    copied: false,
    size: [96, 72],
  },
  {
    name: "wide pixels",
    input: stored(own("wide-pixels.mp4")),
    seconds: 2,
    sound: false,
    copied: false,
    size: [168, 72],
  },
  {
    name: "the full range",
    input: making(...bars(1), "-c:v", "libx264", "-pix_fmt", "yuvj420p", "a.mp4"),
    seconds: 1,
    sound: false,
    copied: false,
  },
  {
    name: "10 bits in H.264",
    input: making(...bars(1), "-c:v", "libx264", "-pix_fmt", "yuv420p10le", "a.mp4"),
    seconds: 1,
    sound: false,
  },
  {
    name: "4:4:4 in H.264",
    input: making(...bars(1), "-c:v", "libx264", "-pix_fmt", "yuv444p", "a.mp4"),
    seconds: 1,
    sound: false,
  },
  {
    name: "H.264 without loss",
    input: making(...bars(1), "-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv420p", "a.mp4"),
    seconds: 1,
    sound: false,
    copied: false,
  },
  {
    name: "see-through pictures",
    input: making(
      "-f",
      "lavfi",
      "-i",
      "color=red@0.0:size=64x64:rate=25:duration=1,format=rgba",
      "-c:v",
      "qtrle",
      "a.mov",
    ),
    seconds: 1,
    sound: false,
    check: async (published) => expect((await firstPixel(published.path))[0]).toBeLessThan(24),
  },
  {
    name: "a palette",
    input: making(
      ...bars(1),
      "-vf",
      "format=rgb8,split[a][b];[a]palettegen[p];[b][p]paletteuse",
      "-c:v",
      "gif",
      "a.mov",
    ),
    seconds: 1,
    sound: false,
  },
  {
    name: "PCM in MOV",
    input: making(...bars(1), ...tone(440, 1), ...X264, "-c:a", "pcm_s16le", "a.mov"),
    seconds: 1,
    sound: true,
    copied: false,
  },
  {
    name: "6 channels",
    input: making(...bars(1), ...tone(440, 1), ...X264, ...AAC, "-ac", "6", "a.mp4"),
    seconds: 1,
    sound: true,
    copied: false,
  },
  {
    name: "odd sides",
    input: making(
      "-f",
      "lavfi",
      "-i",
      "testsrc2=size=192x108:rate=25:duration=1",
      "-vf",
      "scale=161:91",
      "-c:v",
      "libx264",
      "-pix_fmt",
      "yuv444p",
      "a.mp4",
    ),
    seconds: 1,
    sound: false,
    size: [162, 92],
  },
  {
    name: "a first picture that is disabled",
    input: changing(
      making(
        ...bars(1),
        "-f",
        "lavfi",
        "-i",
        "color=green:size=64x64:rate=25:duration=1",
        "-map",
        "0",
        "-map",
        "1",
        ...X264,
        "a.mp4",
      ),
      (bytes) => {
        bytes[bytes.indexOf("tkhd") + 7] = 2;
        return replacedLastFlags(bytes);
      },
    ),
    seconds: 1,
    sound: false,
    size: [64, 64],
  },
];

/** Made once, for both engines. */
const inputs = new Map<Case, Promise<string>>();
function inputOf(one: Case): Promise<string> {
  const input = inputs.get(one) ?? one.input();
  inputs.set(one, input);
  return input;
}

describe.concurrent.each(["ffmpeg", "node-av"] as const)("%s", (name) => {
  let tool: MediaTool;
  beforeAll(async () => {
    // Confined like decoders on this machine.
    const create = (prefix: readonly string[]) =>
      name === "ffmpeg"
        ? createFfmpegEngine(PROGRAMS, LIMITS, prefix)
        : createNodeAvEngine(worker, LIMITS, prefix);
    tool = await confinedTool(create, LIMITS, {});
  });

  beforeEach((ctx) => {
    if (lack !== null) ctx.skip("needs ffmpeg on the PATH");
  });

  test.each(cases)("publishes $name", async (one) => {
    const input = await inputOf(one);
    const info = await tool.probe(input);
    const path = join(directory, `${randomUUID()}.mp4`);
    const { copied, info: made } = await tool.rendition(input, path, info, { maxShortSidePx: 720, signal });
    const seconds = await isProper(path, one.sound);
    if (!info.videoComplies) await isBt709(path);
    expect(Math.abs(seconds - one.seconds), `${seconds} s`).toBeLessThan(one.within ?? 0.09);
    expect(made.durationMs).toBe(Math.max(1, Math.round(seconds * 1000)));
    expect(made.notices).toEqual(one.notices ?? []);
    if (one.copied !== undefined) expect(copied).toBe(one.copied);
    if (one.size) expect([made.width, made.height]).toEqual(one.size);
    await one.check?.({ path, info, made, copied });
    await rm(path);
  });

  test("refuses Dolby Vision that is nothing else as well, in words that help", async () => {
    const input = await changing(
      making(...bars(1), "-c:v", "libx265", "-x265-params", "log-level=none", "-tag:v", "hvc1", "a.mp4"),
      (bytes) => withChild(bytes, "hvc1", box("dvcC", Buffer.from([1, 0, 10, 9, 0, ...Array(19).fill(0)]))),
    )();
    await expect(tool.probe(input)).rejects.toMatchObject({
      reason: "VIDEO_CODEC_UNSUPPORTED",
      message: expect.stringContaining("Dolby Vision"),
    });
  });
});

interface Stream {
  codec_type: string;
  codec_name: string;
  codec_tag_string: string;
  profile: string;
  level: number;
  pix_fmt: string;
  field_order: string;
  sample_aspect_ratio?: string;
  channels: number;
  nb_read_frames: string;
  side_data_list?: { side_data_type: string }[];
}

async function streamsOf(path: string, ...options: string[]) {
  const args = [
    "-v",
    "error",
    "-f",
    "mov",
    ...options,
    "-count_frames",
    "-show_streams",
    "-show_format",
    "-of",
    "json",
    path,
  ];
  const { stdout, stderr } = await execute("ffprobe", args);
  expect(stderr).toBe("");
  return JSON.parse(stdout) as {
    streams: Stream[];
    format: { duration: string; tags: Record<string, string> };
  };
}

/** True for everything that is published. Returns its duration in seconds. */
async function isProper(path: string, sound: boolean): Promise<number> {
  const { streams, format } = await streamsOf(path);
  expect(streams.map((stream) => stream.codec_name)).toEqual(sound ? ["h264", "aac"] : ["h264"]);
  const [picture, audio] = streams;
  expect(picture).toMatchObject({ pix_fmt: "yuv420p", field_order: "progressive", codec_tag_string: "avc1" });
  expect(["Constrained Baseline", "Baseline", "Main", "High"]).toContain(picture!.profile);
  expect(picture!.level).toBeLessThanOrEqual(52);
  expect(picture!.sample_aspect_ratio ?? "1:1").toBe("1:1");
  if (audio) {
    expect(audio).toMatchObject({ profile: "LC", codec_tag_string: "mp4a" });
    expect(audio.channels).toBeLessThanOrEqual(2);
  }
  expect(Object.keys(format.tags)).toEqual(["major_brand", "minor_version", "compatible_brands"]);
  expect(format.tags.major_brand).toBe("isom");
  // A player that ignores edit lists shows no more than others.
  const all = await streamsOf(path, "-ignore_editlist", "1");
  expect(all.streams[0]!.nb_read_frames).toBe(picture!.nb_read_frames);
  if (audio)
    expect(Number(all.streams[1]!.nb_read_frames) - Number(audio.nb_read_frames)).toBeLessThanOrEqual(3);
  const bytes = await readFile(path);
  for (const secret of ["+52.5163", "SECRET"]) expect(bytes.includes(secret), secret).toBe(false);
  return Number(format.duration);
}

/** As it says of itself: players guess otherwise. */
async function isBt709(path: string): Promise<void> {
  const [picture] = (await streamsOf(path)).streams;
  expect(picture ?? {}).toMatchObject({
    ...{ color_range: "tv", color_space: "bt709" },
    ...{ color_transfer: "bt709", color_primaries: "bt709" },
  });
}

async function isProgressive({ path, info }: Published): Promise<void> {
  expect(info.videoComplies).toBe(false);
  const { stderr } = await execute("ffmpeg", ["-nostdin", "-i", path, "-vf", "idet", "-f", "null", "-"]);
  const [, top, bottom, progressive] = /Multi frame detection: TFF: *(\d+) BFF: *(\d+) Progressive: *(\d+)/
    .exec(stderr)!
    .map(Number);
  expect(top! + bottom!).toBeLessThan(progressive! / 4);
}

async function pixels(path: string, filter: string): Promise<number[]> {
  return [
    ...(await ffmpeg(
      "-i",
      path,
      "-vf",
      filter,
      "-frames:v",
      "1",
      "-pix_fmt",
      "yuv444p",
      "-f",
      "rawvideo",
      "pipe:1",
    )),
  ];
}

const firstPixel = (path: string) => pixels(path, "crop=2:2:0:0,scale=1:1");

/** Three bars: red, white, grey. */
async function hasColours({ path }: Published): Promise<void> {
  const [red, , grey] = await pixels(path, "scale=4:2:flags=neighbor");
  expect(Math.abs(red! - 0x44)).toBeLessThan(8);
  expect(Math.abs(grey! - 0x95)).toBeLessThan(8);
}

/** Of BT.709, whatever the source had. */
async function isRed({ path }: Published): Promise<void> {
  const [y, u, v] = await firstPixel(path);
  for (const [is, right] of [
    [y, 63],
    [u, 102],
    [v, 240],
  ])
    expect(Math.abs(is! - right!)).toBeLessThanOrEqual(4);
}

async function isNeutral({ path }: Published): Promise<void> {
  const all = await pixels(path, "scale=4:2:flags=neighbor");
  for (const at of [10, 11, 18, 19]) expect(Math.abs(all[at]! - 128)).toBeLessThanOrEqual(2);
}

async function hasFrames({ path }: Published, count: number, within: number): Promise<void> {
  const { streams } = await streamsOf(path);
  expect(Math.abs(Number(streams[0]!.nb_read_frames) - count)).toBeLessThanOrEqual(within);
}

/** Counts how often the middle of the sound crosses zero. */
async function hears({ path }: Published, hz: number): Promise<void> {
  const sound = await ffmpeg("-i", path, "-vn", "-ac", "1", "-ar", "16000", "-f", "s16le", "pipe:1");
  const samples = new Int16Array(sound.buffer, sound.byteOffset, sound.length >> 1);
  const middle = samples.subarray(samples.length / 4, (samples.length * 3) / 4);
  const passes = middle.filter((sample, at) => at > 0 && sample >= 0 !== middle[at - 1]! >= 0).length;
  expect(Math.abs((passes / 2 / middle.length) * 16_000 - hz)).toBeLessThan(20);
}

async function isGreenThroughout({ path }: Published): Promise<void> {
  const args = [
    "-ignore_editlist",
    "1",
    "-i",
    path,
    "-vf",
    "scale=1:1,format=yuv444p",
    "-f",
    "rawvideo",
    "pipe:1",
  ];
  const frames = await ffmpeg(...args);
  const [y, u, v] = frames;
  expect(u!).toBeLessThan(118);
  expect(v!).toBeLessThan(118);
  for (let at = 0; at < frames.length; at += 3) expect(Math.abs(frames[at]! - y!)).toBeLessThan(12);
}

function box(type: string, content: string | Buffer): Buffer {
  const bytes = Buffer.from(content as string, "latin1");
  const head = Buffer.alloc(8);
  head.writeUInt32BE(8 + bytes.length);
  head.write(type, 4, "latin1");
  return Buffer.concat([head, bytes]);
}

function replaced(bytes: Buffer, from: string, to: string): Buffer {
  for (let at = bytes.indexOf(from); at >= 0; at = bytes.indexOf(from, at + 1)) bytes.write(to, at, "latin1");
  return bytes;
}

/** The second track is enabled; ffmpeg omits that flag. */
function replacedLastFlags(bytes: Buffer): Buffer {
  bytes[bytes.lastIndexOf("tkhd") + 7] = 3;
  return bytes;
}

/** Adds a box at the end of an entry of sample descriptions, in a file with its index at the end. */
function withChild(bytes: Buffer, entry: string, child: Buffer): Buffer {
  const at = bytes.indexOf(entry, bytes.indexOf("stsd")) - 4;
  const end = at + bytes.readUInt32BE(at);
  const around = ["moov", "trak", "mdia", "minf", "stbl", "stsd"].map((type) => bytes.indexOf(type) - 4);
  for (const from of [...around, at]) bytes.writeUInt32BE(bytes.readUInt32BE(from) + child.length, from);
  return Buffer.concat([bytes.subarray(0, end), child, bytes.subarray(end)]);
}

/** Crops 16 pixels at the left and at the right, with a track that names its language and has no lacing. */
function withPixelCrop(bytes: Buffer): Buffer {
  const crop = Buffer.from([0x54, 0xcc, 0x81, 16, 0x54, 0xdd, 0x81, 16]);
  const filler = Buffer.from([0xec, 0x80]);
  const said = Buffer.from([0x9c, 0x81, 0, 0x22, 0xb5, 0x9c, 0x83, 0x75, 0x6e, 0x64]);
  const from = bytes.indexOf(said);
  const picture = bytes.indexOf(Buffer.from([0xb0, 0x81, 128, 0xba, 0x81, 72]));
  expect(Math.min(from, picture)).toBeGreaterThan(0);
  const between = Buffer.from(bytes.subarray(from + said.length, picture));
  between[between.length - 1]! += crop.length;
  return Buffer.concat([bytes.subarray(0, from), filler, between, crop, bytes.subarray(picture)]);
}
