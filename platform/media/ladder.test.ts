import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { thumbHashToRGBA } from "thumbhash";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { patienceMs } from "../testing/patience.ts";
import { bundleMediaWorker } from "./bundle-worker.ts";
import { createMediaTool } from "./create-media-tool.ts";
import { HARDWARE, SOFTWARE } from "./encoders.ts";
import { createFfmpegEngine } from "./ffmpeg-engine.ts";
import { findLack } from "./find-media-tool.ts";
import { DEFAULT_MEDIA_LIMITS } from "./media-limits.ts";
import { createNodeAvEngine } from "./node-av-engine.ts";
import { keyTimeSeconds, rungsOf } from "./plan.ts";

const LIMITS = { ...DEFAULT_MEDIA_LIMITS, probeTimeoutMs: patienceMs, stillTimeoutMs: patienceMs };
const PROGRAMS = { ffmpeg: "ffmpeg", ffprobe: "ffprobe" };
const signal = new AbortController().signal;
const repository = fileURLToPath(new URL("../../", import.meta.url));
const worker = join(repository, "build", "test", `ladder-worker-${randomUUID()}.js`);
const own = (name: string) => join(repository, "platform/media/testdata", name);

let lack: string | null;
let root: string;
let directory: string;
beforeAll(async () => {
  await bundleMediaWorker(worker);
  lack = await findLack(PROGRAMS, LIMITS);
  root = await mkdtemp(join(tmpdir(), "ladder-"));
  // What means something to the muxer that writes several files.
  directory = join(root, "it's [a] | \\ folder:1");
  await mkdir(directory);
});
afterAll(async () => {
  await rm(worker, { force: true });
  await rm(root, { recursive: true, force: true });
});

test("key frames come every second up to the fourth and then every 2 seconds", () => {
  expect([0, 1, 2, 3, 4, 5, 6].map(keyTimeSeconds)).toEqual([0, 1, 2, 3, 4, 6, 8]);
});

test("no rung is above the source, and a small source has one of its own size", () => {
  const all = [360, 480, 720, 1080];
  expect(rungsOf({ width: 3840, height: 2160 }, all)).toEqual(all);
  expect(rungsOf({ width: 720, height: 1280 }, all)).toEqual([360, 480, 720]);
  expect(rungsOf({ width: 160, height: 90 }, all)).toEqual([90]);
  expect(rungsOf({ width: 3840, height: 2160 }, [])).toEqual([]);
});

describe.each(["ffmpeg", "node-av"] as const)("%s", (name) => {
  const engine = (prefix: string[] = []) =>
    name === "ffmpeg"
      ? createFfmpegEngine(PROGRAMS, LIMITS, prefix)
      : createNodeAvEngine(worker, LIMITS, prefix);
  const tool = createMediaTool(engine(), LIMITS);

  beforeEach((ctx) => {
    if (name === "ffmpeg" && lack !== null) ctx.skip("needs ffmpeg on the PATH");
  });

  test("the rungs of a ladder are fragments that begin with key frames at the same times on all", async () => {
    const source = own("upright-8s.mp4");
    const info = await tool.probe(source);
    const rungs = [90, 180].map((shortSidePx) => ({
      shortSidePx,
      output: join(directory, `${randomUUID()}.mp4`),
    }));
    const made = await tool.ladder(source, rungs, info, { signal });
    expect(made).toMatchObject([
      { width: 90, height: 160 },
      { width: 180, height: 320 },
    ]);
    const seconds = made.map(({ fragments }) => fragments.map(({ durationUs }) => durationUs / 1_000_000));
    expect(seconds[0]).toEqual([1, 1, 1, 1, 2, 2]);
    expect(seconds[1]).toEqual(seconds[0]);
    for (const [at, { output }] of rungs.entries()) {
      const file = await readFile(output);
      const { initBytes, fragments, codecs } = made[at]!;
      const type = (from: number) => file.toString("latin1", from + 4, from + 8);
      expect(type(0)).toBe("ftyp");
      expect(type(file.readUInt32BE(0))).toBe("moov");
      let from = initBytes;
      for (const { bytes } of fragments) {
        expect(type(from)).toBe("moof");
        from += bytes;
      }
      expect(from).toBe(file.length);
      const avcC = file.indexOf("avcC");
      expect(codecs).toBe(`avc1.${file.toString("hex", avcC + 5, avcC + 8)},mp4a.40.2`);
      // High.
      expect(file[avcC + 5]).toBe(100);
    }
  });

  test("sound and picture of a rung begin together", async (ctx) => {
    if (lack !== null) ctx.skip("needs ffprobe on the PATH");
    const source = own("phone.mov");
    const info = await tool.probe(source);
    const output = join(directory, `${randomUUID()}.mp4`);
    await tool.ladder(source, [{ shortSidePx: 90, output }], info, { signal });
    const args = ["-v", "error", "-show_entries", "packet=stream_index,pts_time", "-of", "csv=p=0", output];
    const { stdout } = await promisify(execFile)("ffprobe", args);
    const first = (stream: number) =>
      Math.min(
        ...stdout
          .split("\n")
          .map((line) => line.split(",").map(Number))
          .filter(([index, time]) => index === stream && time !== undefined)
          .map(([, time]) => time!),
      );
    expect(first(0)).toBe(0);
    // An encoder's start-up, which players leave out.
    expect(first(1)).toBeGreaterThan(-0.03);
    expect(first(1)).toBeLessThanOrEqual(0);
  });

  const loudnessOf = async (path: string, filter = "anull") => {
    const args = [
      "-v",
      "info",
      "-i",
      path,
      "-map",
      "0:a",
      "-af",
      `${filter},ebur128=peak=true`,
      "-f",
      "null",
      "-",
    ];
    const { stderr } = await promisify(execFile)("ffmpeg", args);
    const summary = stderr.slice(stderr.lastIndexOf("Summary:"));
    const number = (name: string) => Number(new RegExp(`${name}:\\s+(-?[\\d.]+|-inf)`).exec(summary)![1]);
    return { lufs: number("I"), peakDb: number("Peak") };
  };
  /** A picture with this sound. */
  async function withSound(sound: string): Promise<string> {
    const path = join(root, `${randomUUID()}.mp4`);
    const picture = ["-f", "lavfi", "-i", "color=gray:size=160x90:rate=10:duration=6"];
    const codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-b:a", "192k"];
    const source = ["-f", "lavfi", "-i", sound, "-t", "6"];
    await promisify(execFile)("ffmpeg", ["-v", "error", ...picture, ...source, ...codecs, path]);
    return path;
  }
  const tone = "sine=frequency=440:sample_rate=48000";

  test.for([
    ["quiet", `${tone},volume=-8dB`],
    ["loud", `${tone},volume=14dB`],
    ["quiet with peaks", `${tone},volume='if(lt(mod(t,1),0.004),2.5,0.4)':eval=frame`],
  ])("sound that is %s is as loud as the others, and its peaks stay below", async ([, sound], ctx) => {
    if (lack !== null) return ctx.skip("needs ffmpeg on the PATH");
    const source = await withSound(sound!);
    const info = await tool.probe(source);
    const measured = await tool.loudness(source, info, { signal });
    // In the form that rungs have: from one channel come two.
    const real = await loudnessOf(source, "aformat=channel_layouts=stereo");
    expect(Math.abs(measured!.lufs - real.lufs)).toBeLessThan(0.5);
    expect(Math.abs(measured!.peakDb - real.peakDb)).toBeLessThan(0.5);
    const output = join(directory, `${randomUUID()}.mp4`);
    const loudness = { measured, targetLufs: -14 };
    await tool.ladder(source, [{ shortSidePx: 90, output }], info, { signal, loudness });
    const now = await loudnessOf(output);
    expect(Math.abs(now.lufs - -14)).toBeLessThan(1);
    expect(now.peakDb).toBeLessThanOrEqual(-1);
    // Switched off it stays as it came.
    await tool.ladder(source, [{ shortSidePx: 90, output }], info, {
      signal,
      loudness: { measured, targetLufs: null },
    });
    expect(Math.abs((await loudnessOf(output)).lufs - real.lufs)).toBeLessThan(1);
  });

  test("silence stays silence, and a video without sound has nothing to measure", async (ctx) => {
    if (lack !== null) ctx.skip("needs ffmpeg on the PATH");
    const source = await withSound("anoisesrc=color=pink:amplitude=0.0005:sample_rate=48000");
    const info = await tool.probe(source);
    const measured = await tool.loudness(source, info, { signal });
    expect(measured!.lufs).toBeLessThan(-60);
    const output = join(directory, `${randomUUID()}.mp4`);
    const loudness = { measured, targetLufs: -14 };
    await tool.ladder(source, [{ shortSidePx: 90, output }], info, { signal, loudness });
    expect((await loudnessOf(output)).lufs).toBeLessThan(-60);
    const mute = own("rgb-silent.webm");
    expect(await tool.loudness(mute, await tool.probe(mute), { signal })).toBeNull();
  });

  test("a storyboard has a picture for each second, in order", async (ctx) => {
    if (lack !== null) ctx.skip("needs ffmpeg on the PATH");
    // As many seconds as pictures, each lighter than the one before.
    const source = join(root, `${randomUUID()}.mp4`);
    const lighter = "color=black:size=180x320:rate=5:duration=12,geq=lum='16+floor(T)*18':cb=128:cr=128";
    const codec = ["-c:v", "libx264", "-preset", "ultrafast"];
    await promisify(execFile)("ffmpeg", ["-v", "error", "-f", "lavfi", "-i", lighter, ...codec, source]);
    const output = join(directory, `${randomUUID()}.jpg`);
    const info = { durationMs: 12_000, width: 180, height: 320 };
    const made = await tool.storyboard(source, output, info, { signal });
    expect(made).toEqual({ intervalMs: 1000, count: 12, columns: 10, tileWidth: 90, tileHeight: 160 });
    const raw = ["-f", "rawvideo", "-pix_fmt", "gray", "pipe:1"];
    const options = { encoding: "buffer" as const, maxBuffer: 1e8 };
    const { stdout } = await promisify(execFile)("ffmpeg", ["-v", "error", "-i", output, ...raw], options);
    expect(stdout.length).toBe(900 * 320);
    const light = (at: number) => stdout[(Math.floor(at / 10) * 160 + 80) * 900 + (at % 10) * 90 + 45]!;
    const all = Array.from({ length: 12 }, (_, at) => light(at));
    for (let at = 1; at < 12; at++) expect(all[at]! - all[at - 1]!).toBeGreaterThan(8);
  });

  test.for([
    "phone.mov",
    "hdr.mp4",
    "interlaced.m2t",
  ])("a rung of %s is upright, as long as its source, and decodes whole", async (name, ctx) => {
    if (lack !== null) ctx.skip("needs ffmpeg on the PATH");
    const source = own(name);
    const info = await tool.probe(source);
    const output = join(root, `${randomUUID()}.mp4`);
    const [made] = await tool.ladder(source, [{ shortSidePx: 90, output }], info, { signal });
    const entries =
      "stream=codec_type,pix_fmt,width,height,color_range,color_space:stream_side_data=rotation:format=duration";
    const args = ["-v", "error", "-show_entries", entries, "-of", "json", output];
    const { streams, format } = JSON.parse((await promisify(execFile)("ffprobe", args)).stdout);
    const picture = streams.find(({ codec_type }: { codec_type: string }) => codec_type === "video");
    const { width, height } = made!;
    expect(Math.min(width, height)).toBe(Math.min(90, info.width, info.height));
    expect(width > height).toBe(info.width > info.height);
    expect(picture).toMatchObject({ width, height, pix_fmt: "yuv420p" });
    expect(picture.color_range).not.toBe("pc");
    expect(picture.side_data_list).toBeUndefined();
    expect(picture.color_space).toBe("bt709");
    const us = made!.fragments.reduce((sum, { durationUs }) => sum + durationUs, 0);
    expect(Math.abs(us / 1000 - info.durationMs)).toBeLessThan(50);
    expect(Math.abs(Number(format.duration) * 1000 - info.durationMs)).toBeLessThan(100);
    const whole = ["-v", "error", "-xerror", "-i", output, "-f", "null", "-"];
    expect((await promisify(execFile)("ffmpeg", whole)).stderr).toBe("");
  });

  test("a placeholder has the shape and the colours of its cover", async () => {
    const picture = own("bright-left.jpg");
    const hash = await tool.placeholder(picture, { width: 160, height: 90 }, { signal });
    const bytes = Buffer.from(hash, "base64");
    expect(bytes.length).toBeLessThan(30);
    const { w, h, rgba } = thumbHashToRGBA(bytes);
    expect(w).toBeGreaterThan(h);
    const brightness = (x: number) => rgba[(Math.floor(h / 2) * w + x) * 4]!;
    expect(brightness(1)).toBeGreaterThan(brightness(w - 2) + 50);
  });

  test("a source that cannot be decoded is refused, and no file is left", async () => {
    const info = await tool.probe(own("upright-8s.mp4"));
    const output = join(directory, "none.mp4");
    const rungs = [{ shortSidePx: 90, output }];
    await expect(tool.ladder(own("half.png"), rungs, info, { signal })).rejects.toMatchObject({
      reason: "VIDEO_DAMAGED",
    });
    expect(await readdir(directory)).not.toContain("none.mp4");
  });
});

test("ffmpeg makes all rungs in one run", async (ctx) => {
  if (lack !== null) ctx.skip("needs ffmpeg on the PATH");
  const starts = join(root, "starts");
  const counting = ["/bin/sh", "-c", `echo start >>"${starts}"; exec "$@"`, "sh"];
  const info = await createMediaTool(createFfmpegEngine(PROGRAMS, LIMITS), LIMITS).probe(own("phone.mov"));
  const tool = createMediaTool(createFfmpegEngine(PROGRAMS, LIMITS, counting), LIMITS);
  const rungs = [30, 60, 90].map((side) => ({ shortSidePx: side, output: join(directory, `${side}.mp4`) }));
  await tool.ladder(own("phone.mov"), rungs, info, { signal });
  expect(await readFile(starts, "utf8")).toBe("start\n");
});

describe("an encoder of hardware", () => {
  const software = { ...SOFTWARE, name: "libx264" };
  const absent = HARDWARE.find(({ name }) => name === "h264_vaapi")!;
  const noDevice = { ...absent, device: ["-vaapi_device", "/dev/null"] };
  const engine = createFfmpegEngine(PROGRAMS, LIMITS);
  const run = { signal, timeoutMs: patienceMs, maxPixels: 100_000 };
  beforeEach((ctx) => {
    if (lack !== null) ctx.skip("needs ffmpeg on the PATH");
  });

  test("is tried with a few pictures", async () => {
    await engine.tryEncoder!(software, run);
    await expect(engine.tryEncoder!(noDevice, run)).rejects.toThrow();
  });

  test.for([
    ["that fails", noDevice],
    // What it makes cannot be cut where the others are.
    [
      "that sets key frames elsewhere",
      { ...software, options: () => ({ "x264-params": "keyint=7:scenecut=0" }) },
    ],
  ] as const)("%s is given up for software, and the log says so", async ([, encoder]) => {
    const said: object[] = [];
    const warn = (fields: object) => void said.push(fields);
    const tool = createMediaTool(engine, LIMITS, [encoder], { warn });
    const source = own("upright-8s.mp4");
    const output = join(directory, `${randomUUID()}.mp4`);
    const info = await tool.probe(source);
    const [made] = await tool.ladder(source, [{ shortSidePx: 90, output }], info, { signal });
    expect(made!.fragments.map(({ durationUs }) => durationUs / 1_000_000)).toEqual([1, 1, 1, 1, 2, 2]);
    expect(said).toMatchObject([{ encoder: encoder.name }]);
  });

  test("that works is used", async () => {
    const said: object[] = [];
    const warn = (fields: object) => void said.push(fields);
    const tool = createMediaTool(engine, LIMITS, [software], { warn });
    const source = own("phone.mov");
    const output = join(directory, `${randomUUID()}.mp4`);
    await tool.ladder(source, [{ shortSidePx: 90, output }], await tool.probe(source), { signal });
    expect(said).toEqual([]);
  });
});
