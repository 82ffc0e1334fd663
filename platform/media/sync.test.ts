import { execFile } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { patienceMs } from "../testing/patience.ts";
import { bundleMediaWorker } from "./bundle-worker.ts";
import { createMediaTool } from "./create-media-tool.ts";
import { createFfmpegEngine } from "./ffmpeg-engine.ts";
import { findLack } from "./find-media-tool.ts";
import { DEFAULT_MEDIA_LIMITS } from "./media-limits.ts";
import { createNodeAvEngine } from "./node-av-engine.ts";

const run = promisify(execFile);
const limits = { ...DEFAULT_MEDIA_LIMITS, probeTimeoutMs: patienceMs, stillTimeoutMs: patienceMs };
const programs = { ffmpeg: "ffmpeg", ffprobe: "ffprobe" };
const signal = new AbortController().signal;
const worker = fileURLToPath(new URL(`../../build/test/sync-worker-${randomUUID()}.js`, import.meta.url));
/** What people notice: ITU-R BT.1359 has 45 ms early and 125 ms late. */
const noticedMs = 40;

const flashes =
  "color=black:size=160x90:rate=30:duration=8,drawbox=t=fill:c=white:enable='gte(mod(t,2),1)*lt(mod(t,2),1.2)'";
const beeps = "aevalsrc='if(between(mod(t,2),1,1.2),0.5*sin(2*PI*1000*t),0)':s=48000:d=8";
const h264 = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "60", "-pix_fmt", "yuv420p"];

/** Flashes with beeps, and what phones, recorders and editors make of the times. */
const sources: { what: string; name: string; before?: string[]; args: string[] }[] = [
  { what: "what every player plays", name: "plain.mp4", args: [...h264, "-c:a", "aac"] },
  {
    what: "sound that begins 400 ms late",
    name: "late.mp4",
    before: ["-itsoffset", "0.4"],
    args: [...h264, "-c:a", "aac", "-ar", "44100"],
  },
  {
    what: "frames at uneven times, and Opus",
    name: "uneven.webm",
    args: [
      "-vf",
      "select='not(mod(n,3))+lt(mod(n,20),8)'",
      "-vsync",
      "vfr",
      "-c:v",
      "libvpx",
      "-deadline",
      "realtime",
      "-c:a",
      "libopus",
    ],
  },
  {
    what: "a clock that begins after an hour",
    name: "hour.ts",
    args: [...h264, "-c:a", "aac", "-output_ts_offset", "3600"],
  },
  { what: "a cut without encoding, by an edit list", name: "cut.mp4", args: [] },
];

let lack: string | null;
let folder: string;
beforeAll(async () => {
  await bundleMediaWorker(worker);
  lack = await findLack(programs, limits);
  folder = await mkdtemp(join(tmpdir(), "sync-"));
  if (lack !== null) return;
  for (const { name, before = [], args } of sources.slice(0, -1))
    await ffmpeg([
      "-f",
      "lavfi",
      "-i",
      flashes,
      ...before,
      "-f",
      "lavfi",
      "-i",
      beeps,
      ...args,
      join(folder, name),
    ]);
  await ffmpeg(["-ss", "0.7", "-i", join(folder, "plain.mp4"), "-c", "copy", join(folder, "cut.mp4")]);
});
afterAll(async () => {
  await rm(worker, { force: true });
  await rm(folder, { recursive: true, force: true });
});

describe.each(["ffmpeg", "node-av"] as const)("%s", (name) => {
  const engine =
    name === "ffmpeg" ? createFfmpegEngine(programs, limits) : createNodeAvEngine(worker, limits, []);
  const tool = createMediaTool(engine, limits);
  beforeEach((ctx) => {
    if (lack !== null) ctx.skip("needs ffmpeg on the PATH");
  });

  test.each(sources)("sound stays with its picture: $what", async ({ name }) => {
    const source = join(folder, name);
    const before = await eventsOf(source);
    expect(before.length).toBeGreaterThanOrEqual(3);
    const info = await tool.probe(source);
    const outputs = ["first", "rung"].map((what) => `${source}.${what}.${randomUUID()}.mp4`) as [
      string,
      string,
    ];
    await tool.rendition(source, outputs[0], info, { maxShortSidePx: 720, signal });
    await tool.ladder(source, [{ shortSidePx: 90, output: outputs[1] }], info, { signal });
    for (const output of outputs) {
      const after = await eventsOf(output);
      expect(after).toHaveLength(before.length);
      after.forEach(({ flashMs, beepMs }, i) => {
        const was = before[i]!;
        expect(Math.abs(beepMs - flashMs - (was.beepMs - was.flashMs)), `${name} ${i}`).toBeLessThanOrEqual(
          noticedMs,
        );
        expect(Math.abs(flashMs - was.flashMs), `${name} ${i}`).toBeLessThanOrEqual(50);
      });
    }
  });
});

/** When a file flashes and beeps, as it is played. */
async function eventsOf(file: string): Promise<{ flashMs: number; beepMs: number }[]> {
  const luma = await raw(file, [
    "-an",
    "-vf",
    "fps=100:start_time=0,scale=1:1,format=gray",
    "-f",
    "rawvideo",
  ]);
  const flashMs = onsets(luma.length, (at) => luma[at]! > 100).map((at) => at * 10);
  const sound = await raw(file, [
    "-vn",
    "-af",
    "aresample=8000:async=1:first_pts=0",
    "-ac",
    "1",
    "-f",
    "s16le",
  ]);
  const samples = new Int16Array(sound.buffer, sound.byteOffset, sound.length >> 1);
  const beepMs = onsets(samples.length, (at) => Math.abs(samples[at]!) > 2_000, 1_000).map((at) => at / 8);
  expect(beepMs).toHaveLength(flashMs.length);
  return flashMs.map((ms, i) => ({ flashMs: ms, beepMs: beepMs[i]! }));
}

/** Where something begins that was not there for the last `quiet` places. */
function onsets(count: number, is: (at: number) => boolean, quiet = 10): number[] {
  const found: number[] = [];
  let last = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < count; at++) {
    if (!is(at)) continue;
    if (at - last > quiet) found.push(at);
    last = at;
  }
  return found;
}

async function raw(file: string, args: string[]): Promise<Buffer> {
  const options = { encoding: "buffer", maxBuffer: 2 ** 24 } as const;
  return (await run("ffmpeg", ["-v", "error", "-nostdin", "-i", file, ...args, "pipe:1"], options)).stdout;
}

async function ffmpeg(args: string[]): Promise<void> {
  await run("ffmpeg", ["-v", "error", "-nostdin", "-y", ...args]);
}
