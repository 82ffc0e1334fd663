import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { patienceMs } from "../testing/patience.ts";
import { bundleMediaWorker } from "./bundle-worker.ts";
import { SAMPLE_BYTES, SAMPLES_PER_SECOND } from "./cover-choice.ts";
import { createMediaTool } from "./create-media-tool.ts";
import { createFfmpegEngine } from "./ffmpeg-engine.ts";
import { findLack, findMediaTool } from "./find-media-tool.ts";
import type { MediaEngine } from "./media-engine.ts";
import { DEFAULT_MEDIA_LIMITS, type MediaLimits } from "./media-limits.ts";
import type { Media } from "./media-tool.ts";
import { createNodeAvEngine } from "./node-av-engine.ts";

/** The defaults, with enough time for a busy machine. */
const LIMITS = {
  ...DEFAULT_MEDIA_LIMITS,
  probeTimeoutMs: patienceMs,
  stillTimeoutMs: patienceMs,
};
const PROGRAMS = { ffmpeg: "ffmpeg", ffprobe: "ffprobe" };
const signal = new AbortController().signal;
const repository = fileURLToPath(new URL("../../", import.meta.url));
const worker = join(repository, "build", "test", `media-worker-${randomUUID()}.js`);
const own = (name: string) => join(repository, "platform/media/testdata", name);
const because = (reason: string) => expect.objectContaining({ name: "DomainError", reason });

let lack: string | null;
let directory: string;
beforeAll(async () => {
  await bundleMediaWorker(worker);
  lack = await findLack(PROGRAMS, LIMITS);
  directory = await mkdtemp(join(tmpdir(), "media-"));
});
afterAll(async () => {
  await rm(worker, { force: true });
  await rm(directory, { recursive: true, force: true });
});

const temporary = (name: string) => join(directory, `${randomUUID()}-${name}`);
async function written(name: string, content: string | Buffer): Promise<string> {
  const path = temporary(name);
  await writeFile(path, content);
  return path;
}

describe.each(["ffmpeg", "node-av"] as const)("%s", (name) => {
  const engineWith = (limits: Partial<MediaLimits> = {}, prefix: string[] = []): MediaEngine => {
    const all = { ...LIMITS, ...limits };
    return name === "ffmpeg"
      ? createFfmpegEngine(PROGRAMS, all, prefix)
      : createNodeAvEngine(worker, all, prefix);
  };
  const toolWith = (limits: Partial<MediaLimits> = {}): Media =>
    createMediaTool(engineWith(limits), { ...LIMITS, ...limits });
  const tool = toolWith();

  beforeEach((ctx) => {
    if (name === "ffmpeg" && lack !== null) ctx.skip("needs ffmpeg on the PATH");
  });

  /** Grey means of the four quarters, in reading order, of the first frame. */
  async function quarters(path: string, demuxer: string): Promise<number[]> {
    const filter = "scale=2:2:flags=area:out_range=pc,format=gray";
    const run = { signal, timeoutMs: patienceMs, maxPixels: 1e8 };
    return [
      ...(await engineWith().sample({ source: { path, demuxer }, stream: 0, filter, maxFrames: 1 }, run)),
    ];
  }

  // Starting a decoder costs more than decoding a short video.
  test("inspects a video that can be copied in three runs", async () => {
    const starts = await written("starts", "");
    const counting = ["/bin/sh", "-c", `echo start >>"${starts}"; exec "$@"`, "sh"];
    const info = await createMediaTool(engineWith({}, counting), LIMITS).probe(own("compliant.mp4"));
    expect(info).toMatchObject({ videoComplies: true, audioComplies: true });
    expect(await readFile(starts, "utf8")).toBe("start\n".repeat(3));
  });

  describe("rendition", () => {
    test.each([
      [own("compliant.mp4"), 128, 72, { copied: true, sound: true }],
      [own("fragmented.mp4"), 128, 72, { copied: true, sound: true }],
      [own("hevc-10bit-mono.mov"), 128, 72, { copied: false, sound: true }],
      [own("hdr.mp4"), 128, 72, { copied: false, sound: false }],
      [own("odd-surround.webm"), 162, 92, { copied: false, sound: true }],
      [own("av1-silent.mkv"), 128, 72, { copied: false, sound: false }],
      [own("recorder.webm"), 128, 72, { copied: false, sound: true }],
      [own("silent.avi"), 128, 72, { copied: false, sound: false }],
      [own("old.flv"), 128, 72, { copied: false, sound: true }],
      [own("interlaced.m2t"), 128, 72, { copied: false, sound: true }],
      [own("changing-size.m2t"), 128, 72, { copied: false, sound: false }],
      [own("upright-8s.mp4"), 720, 1280, { copied: true, sound: true }],
      [own("rgb-silent.webm"), 640, 360, { copied: false, sound: false }],
    ])("of %s is %ix%i, plays at once and says nothing else", async (input, width, height, expected) => {
      const info = await tool.probe(input);
      const output = temporary("out.mp4");
      const progress: number[] = [];
      const onProgress = (done: number) => progress.push(done);
      const done = await tool.rendition(input, output, info, { maxShortSidePx: 720, onProgress, signal });

      expect(done).toMatchObject({ copied: expected.copied, info: { width, height } });
      const made = await tool.probe(output);
      expect(made).toMatchObject({
        container: "mp4",
        videoCodec: "h264",
        pixelFormat: "yuv420p",
        width,
        height,
      });
      expect(made.audioCodec).toBe(expected.sound ? "aac" : null);
      expect(Math.abs(made.durationMs - info.durationMs)).toBeLessThan(120);
      expect(made).toMatchObject({ videoComplies: true, audioComplies: expected.sound });
      expect(Math.abs(made.durationMs - done.info.durationMs)).toBeLessThan(25);
      expect(progress).toEqual(progress.toSorted((a, b) => a - b));
      expect(progress.at(-1)).toBe(1);
    });

    test("is smaller when it has to be, with a key frame every 2 s", async () => {
      const input = own("upright-8s.mp4");
      const output = temporary("out.mp4");
      const info = await tool.probe(input);
      expect(await tool.rendition(input, output, info, { maxShortSidePx: 240, signal })).toMatchObject({
        copied: false,
      });
      expect(await tool.probe(output)).toMatchObject({
        width: 240,
        height: 426,
        fps: 30,
        outputFps: { num: 30 },
      });
      expect(keyFrames(await readFile(output))).toEqual([1, 61, 121, 181]);
    });

    test("of a variable frame rate has a constant one", async () => {
      const info = await tool.probe(own("variable-rate.mp4"));
      expect(info.fps).toBeLessThan(15);
      const output = temporary("out.mp4");
      await tool.rendition(own("variable-rate.mp4"), output, info, { maxShortSidePx: 64, signal });
      expect(await tool.probe(output)).toMatchObject({ fps: 25, durationMs: 1760 });
    });

    test("of wide pixels has square ones", async () => {
      const info = await tool.probe(own("wide-pixels.mp4"));
      expect(info).toMatchObject({ width: 168, height: 72 });
      const output = temporary("out.mp4");
      await tool.rendition(own("wide-pixels.mp4"), output, info, { maxShortSidePx: 64, signal });
      expect(await tool.probe(output)).toMatchObject({ width: 150, height: 64 });
    });

    test("of a phone's video is upright and does not tell the place, copied or not", async () => {
      expect((await readFile(own("phone.mov"))).includes("+52.5163")).toBe(true);
      const info = await tool.probe(own("phone.mov"));
      expect(info).toMatchObject({ width: 90, height: 160, rotation: 90 });

      const copied = temporary("copied.mp4");
      await tool.rendition(own("phone.mov"), copied, info, { maxShortSidePx: 720, signal });
      expect(await tool.probe(copied)).toMatchObject({
        width: 90,
        height: 160,
        rotation: 90,
      });
      expect((await readFile(copied)).includes("+52.5163")).toBe(false);

      const encoded = temporary("encoded.mp4");
      await tool.rendition(own("phone.mov"), encoded, info, { maxShortSidePx: 64, signal });
      expect(await tool.probe(encoded)).toMatchObject({ width: 64, height: 114, rotation: 0 });
      expect((await readFile(encoded)).includes("+52.5163")).toBe(false);
      const [topLeft, topRight, bottomLeft, bottomRight] = await quarters(encoded, "mov");
      expect(Math.min(topLeft!, topRight!)).toBeGreaterThan(Math.max(bottomLeft!, bottomRight!) + 80);
    });
  });

  describe("cover", () => {
    test("is taken where the picture changes most, not where it is black or blank", async () => {
      const output = temporary("cover.jpg");
      const info = await tool.probe(own("three-scenes.mp4"));
      await tool.cover(own("three-scenes.mp4"), output, { info }, { signal });
      const parts = await quarters(output, "jpeg_pipe");
      expect(Math.max(...parts) - Math.min(...parts)).toBeGreaterThan(20);
    });

    test("is upright", async () => {
      const output = temporary("cover.jpg");
      await tool.cover(own("phone.mov"), output, { info: await tool.probe(own("phone.mov")) }, { signal });
      const [topLeft, topRight, bottomLeft, bottomRight] = await quarters(output, "jpeg_pipe");
      expect(Math.min(topLeft!, topRight!)).toBeGreaterThan(Math.max(bottomLeft!, bottomRight!) + 80);
    });

    test.each([
      own("rgb-silent.webm"),
      own("hdr.mp4"),
      own("changing-size.m2t"),
      own("recorder.webm"),
    ])("of %s shows something", async (input) => {
      const output = temporary("cover.jpg");
      const rendition = temporary("out.mp4");
      const options = { maxShortSidePx: 720, signal };
      const made = await tool.rendition(input, rendition, await tool.probe(input), options);
      await tool.cover(rendition, output, made, { signal });
      expect(Math.max(...(await quarters(output, "jpeg_pipe")))).toBeGreaterThan(20);
    });

    test("is chosen by pictures that were taken on the way, which are those of the rendition", async () => {
      const input = own("three-scenes.mp4");
      const rendition = temporary("out.mp4");
      const made = await tool.rendition(input, rendition, await tool.probe(input), {
        maxShortSidePx: 64,
        signal,
      });
      expect(made.copied).toBe(false);
      const cover = (how: Parameters<Media["cover"]>[2]) =>
        tool.cover(rendition, temporary("cover.jpg"), how, { signal });
      expect(await cover(made)).toEqual(await cover({ info: made.info }));
      expect(made.samples).toHaveLength(
        Math.floor((made.info.durationMs / 1000) * SAMPLES_PER_SECOND) * SAMPLE_BYTES,
      );
      expect(await readdir(dirname(rendition))).not.toContain(`${basename(rendition)}.samples`);
    });
  });

  describe("picture", () => {
    const box = { maxWidthPx: 32, maxHeightPx: 32, signal };

    test.each(["half.png", "half.webp"])("from %s is white where it was see-through", async (input) => {
      const output = temporary("out.jpg");
      await tool.picture(own(input), output, box);
      const [red, white] = await quarters(output, "jpeg_pipe");
      expect(red).toBeLessThan(100);
      expect(white).toBeGreaterThan(240);
      expect(jpegSize(await readFile(output))).toEqual([32, 21]);
    });

    test("from a moving GIF is its first frame, cut to the box", async () => {
      const output = temporary("out.jpg");
      await tool.picture(own("moving.gif"), output, { ...box, crop: true });
      expect(jpegSize(await readFile(output))).toEqual([32, 32]);
    });

    test("from a moving WebP is refused for what it is, not as damaged", async () => {
      const head = Buffer.from("RIFF\x16\0\0\0WEBPVP8X\x0a\0\0\0\x02\0\0\0\x0f\0\0\x0f\0\0", "latin1");
      const made = tool.picture(await written("moving.webp", head), temporary("out.jpg"), box);
      await expect(made).rejects.toMatchObject({ reason: "PICTURE_UNSUPPORTED" });
    });

    test("from a camera is upright, without the camera's notes, and not enlarged", async () => {
      const stored = await readFile(own("bright-left.jpg"));
      const exif = Buffer.from(
        "Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0secret place",
        "latin1",
      );
      const segment = Buffer.concat([Buffer.from([0xff, 0xe1, 0, exif.length + 2]), exif]);
      const input = await written(
        "camera.jpg",
        Buffer.concat([stored.subarray(0, 2), segment, stored.subarray(2)]),
      );
      const output = temporary("out.jpg");
      await tool.picture(input, output, { maxWidthPx: 500, maxHeightPx: 500, signal });
      const made = await readFile(output);
      expect(jpegSize(made)).toEqual([64, 96]);
      expect(made.includes("secret place")).toBe(false);
      const [topLeft, topRight, bottomLeft, bottomRight] = await quarters(output, "jpeg_pipe");
      expect(Math.min(topLeft!, topRight!)).toBeGreaterThan(Math.max(bottomLeft!, bottomRight!) + 80);
    });

    test("refuses a file that is empty, no picture, damaged, or too large to decode", async () => {
      const output = temporary("out.jpg");
      const png = await readFile(own("half.png"));
      const bomb = Buffer.from(png);
      bomb.writeUInt32BE(60_000, 16);
      bomb.writeUInt32BE(60_000, 20);
      const attempts: [string, Promise<string>][] = [
        ["EMPTY_FILE", written("a.png", "")],
        ["NOT_A_PICTURE", written("a.jpg", "<svg/>")],
        ["PICTURE_DAMAGED", written("a.png", png.subarray(0, 60))],
        ["PICTURE_TOO_LARGE", written("a.png", bomb)],
      ];
      for (const [reason, input] of attempts)
        await expect(tool.picture(await input, output, box)).rejects.toThrow(because(reason));
      expect(existsSync(output)).toBe(false);
    });

    test("of more pixels than its header says is refused by the decoder", async () => {
      const run = { signal, timeoutMs: patienceMs, maxPixels: 4000 };
      const source = { path: own("half.png"), demuxer: "png_pipe" };
      const still = { source, stream: 0, atMs: 0, filter: "format=yuvj420p", output: temporary("out.jpg") };
      await expect(engineWith().still(still, run)).rejects.toThrow();
      await engineWith().still(still, { ...run, maxPixels: 10_000 });
    });
  });

  describe("refuses", () => {
    test.each([
      ["NOT_A_VIDEO", own("song-with-cover.mp4")],
      ["NOT_A_VIDEO", own("bright-left.jpg")],
      ["FRAME_TOO_LARGE", own("16384px.mp4")],
      ["VIDEO_TOO_LONG", own("five-hours.mp4")],
    ])("%s: %s", async (reason, input) => {
      await expect(tool.probe(input)).rejects.toThrow(because(reason));
    });

    test.each([
      ["EMPTY_FILE", "nothing", ""],
      ["NOT_A_VIDEO", "text", "Lorem ipsum dolor sit amet. ".repeat(50)],
      ["NOT_A_VIDEO", "a sound file", "RIFF\x24\0\0\0WAVEfmt ".padEnd(600, "\0")],
      ["VIDEO_DAMAGED", "noise behind a right start", `\0\0\0\x18ftypmp42${"noise".repeat(500)}`],
      ["VIDEO_DAMAGED", "noise behind a right start", `\x1a\x45\xdf\xa3${"noise".repeat(500)}`],
      ["VIDEO_DAMAGED", "noise behind a right start", `FLV\x01${"noise".repeat(500)}`],
    ])("%s: %s", async (reason, _what, content) => {
      await expect(tool.probe(await written("a.mp4", Buffer.from(content, "latin1")))).rejects.toThrow(
        because(reason),
      );
    });

    test.each([
      ["its index, which came last", own("phone.mov")],
      ["its last bytes", own("compliant.mp4")],
    ])("an MP4 that has lost %s", async (_what, input) => {
      const whole = await readFile(input);
      const path = await written("a.mp4", whole.subarray(0, whole.length - 3000));
      await expect(tool.probe(path)).rejects.toThrow(because("VIDEO_DAMAGED"));
    });

    test("pictures that cannot be decoded behind sound headers", async () => {
      const bytes = await readFile(own("compliant.mp4"));
      bytes.fill(0xa5, bytes.indexOf("mdat") + 4);
      await expect(tool.probe(await written("a.mp4", bytes))).rejects.toThrow(because("VIDEO_DAMAGED"));
    });

    test("a rendition that ends well before what the probe measured", async () => {
      const input = own("odd-surround.webm");
      const info = await tool.probe(input);
      const output = temporary("out.mp4");
      const longer = tool.rendition(
        input,
        output,
        { ...info, durationMs: 60_000 },
        { maxShortSidePx: 720, signal },
      );
      await expect(longer).rejects.toThrow(because("VIDEO_DAMAGED"));
      expect(existsSync(output)).toBe(false);
    });
  });

  describe("never follows a file to another one or to an address", () => {
    let address: string;
    let requests = 0;
    const server = createServer((_request, response) => {
      requests += 1;
      response.end();
    });
    beforeAll(async () => {
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/secret.ts`;
    });
    afterAll(() => void server.close());

    const lures = (target: string): [string, string][] => [
      ["hls", `#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n${target}\n#EXT-X-ENDLIST\n`],
      ["concat", `ffconcat version 1.0\nfile '${target}'\n`],
    ];

    test("as a playlist with a video's name", async () => {
      for (const target of [address, `file://${own("interlaced.m2t")}`])
        for (const [, lure] of lures(target)) {
          await expect(tool.probe(await written("a.mp4", lure))).rejects.toThrow(because("NOT_A_VIDEO"));
          const behindMagic = await written("a.mp4", `\0\0\0\x18ftypmp42\n${lure}`);
          await expect(tool.probe(behindMagic)).rejects.toThrow(because("VIDEO_DAMAGED"));
        }
      expect(requests).toBe(0);
    });

    test("even if the demuxer for playlists had been let in", async () => {
      const run = { signal, timeoutMs: patienceMs, maxPixels: 1e8 };
      // ffmpeg by itself would follow a name next to the playlist.
      const beside = await written("secret.ts", await readFile(own("interlaced.m2t")));
      for (const target of [address, `file://${beside}`, basename(beside)])
        for (const [demuxer, lure] of lures(target)) {
          const path = await written("a.m3u8", lure);
          const seen = engineWith().sample(
            { source: { path, demuxer }, stream: 0, filter: "format=gray", maxFrames: 1 },
            run,
          );
          await expect(seen).rejects.toThrow();
        }
      expect(requests).toBe(0);
    });
  });

  describe("ends its child process", () => {
    const input = own("upright-8s.mp4");
    const attempt = async (limits: Partial<MediaLimits>, options: { signal?: AbortSignal } = {}) => {
      const output = temporary("out.mp4");
      const info = await tool.probe(input);
      // Too small a short side to be copied.
      const rendition = toolWith(limits).rendition(input, output, info, {
        maxShortSidePx: 718,
        signal,
        ...options,
      });
      return { output, rendition };
    };
    const expectNothingLeft = async (output: string) => {
      expect(existsSync(output)).toBe(false);
      expect(await childrenFor(output)).toEqual([]);
    };

    test.each<[string, Partial<MediaLimits>]>([
      ["MEDIA_TIMEOUT", { renditionTimeoutMs: 300 }],
      ["MEDIA_TOO_HEAVY", { maxMemoryBytes: 20 * 1024 ** 2 }],
      ["RENDITION_TOO_LARGE", { maxOutputBytes: 100_000 }],
    ])("with %s at %j", async (reason, limits) => {
      const { output, rendition } = await attempt(limits);
      await expect(rendition).rejects.toThrow(because(reason));
      await expectNothingLeft(output);
    });

    test("when it is told to stop, and does not even start one after that", async () => {
      const stop = new AbortController();
      const { output, rendition } = await attempt({}, { signal: stop.signal });
      rendition.catch(() => {});
      await expect.poll(() => childrenFor(output)).toHaveLength(1);
      stop.abort(new Error("changed my mind"));
      await expect(rendition).rejects.toThrow("changed my mind");
      await expectNothingLeft(output);
      await expect((await attempt({}, { signal: stop.signal })).rendition).rejects.toThrow("changed my mind");
    });

    test.runIf(process.platform === "linux")(
      "which has run at the lowest priority, every thread of it",
      async () => {
        const stop = new AbortController();
        const { output, rendition } = await attempt({}, { signal: stop.signal });
        rendition.catch(() => {});
        let priorities: number[] = [];
        const threads = async () => {
          const [pid] = await childrenFor(output);
          priorities = pid === undefined ? [] : await threadPriorities(pid);
          return priorities.length;
        };
        await expect.poll(threads).toBeGreaterThan(4);
        stop.abort();
        await rendition.catch(() => {});
        if (name === "ffmpeg") expect(new Set(priorities)).toEqual(new Set([19]));
        // Node.js has threads of its own before the first line of the worker; worker threads come after it.
        else expect(priorities.filter((priority) => priority === 19).length).toBeGreaterThan(2);
      },
    );
  });
});

describe("findMediaTool", () => {
  test("takes the ffmpeg of the machine", async (ctx) => {
    if (lack !== null) ctx.skip("needs ffmpeg on the PATH");
    expect((await findMediaTool({ workerPath: worker })).name).toBe("ffmpeg");
  });

  test("takes node-av where there is none, and says why", async () => {
    const messages: object[] = [];
    const tool = await findMediaTool({
      workerPath: worker,
      searchPath: directory,
      log: { info: (fields) => messages.push(fields) },
    });
    expect(tool.name).toBe("node-av");
    expect(messages).toEqual([{ lack: expect.stringContaining("ENOENT") }]);
  });

  test("does not ignore a configured ffmpeg that cannot be used", async () => {
    const ffmpegPath = join(directory, "tools", "ffmpeg");
    await expect(findMediaTool({ workerPath: worker, ffmpegPath })).rejects.toThrow("cannot be used");
    await mkdir(join(directory, "tools"));
    for (const name of ["ffmpeg", "ffprobe"])
      await writeFile(join(directory, "tools", name), "#!/bin/sh\necho ' V..... mjpeg x'\n", { mode: 0o755 });
    await expect(findMediaTool({ workerPath: worker, ffmpegPath })).rejects.toThrow("lacks libx264, aac,");
  });
});

/** Numbers of the key frames, from 1, in the sync sample table of the first track. */
function keyFrames(mp4: Buffer): number[] {
  const at = mp4.indexOf("stss") + 8;
  return Array.from({ length: mp4.readUInt32BE(at) }, (_, entry) => mp4.readUInt32BE(at + 4 + entry * 4));
}

function jpegSize(jpeg: Buffer): [number, number] {
  const at = jpeg.indexOf(Buffer.from([0xff, 0xc0]));
  return [jpeg.readUInt16BE(at + 7), jpeg.readUInt16BE(at + 5)];
}

/** Processes that have the path in their arguments; none outside Linux. */
async function childrenFor(path: string): Promise<number[]> {
  const found: number[] = [];
  for (const entry of await readdir("/proc").catch(() => []))
    if (
      /^\d+$/.test(entry) &&
      (await readFile(`/proc/${entry}/cmdline`, "utf8").catch(() => "")).includes(path)
    )
      found.push(Number(entry));
  return found;
}

async function threadPriorities(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`);
  const stats = threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/stat`, "utf8").catch(() => ""));
  return (await Promise.all(stats))
    .filter(Boolean)
    .map((stat) => Number(stat.split(") ")[1]!.split(" ")[16]));
}
