import { execFile } from "node:child_process";
import { readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import { createMediaTool } from "#platform/media/create-media-tool.ts";
import { createFfmpegEngine } from "#platform/media/ffmpeg-engine.ts";
import { DEFAULT_MEDIA_LIMITS } from "#platform/media/media-limits.ts";
import { planLadder, planStreams } from "#platform/media/plan.ts";
import { startEngine } from "#platform/testing/engine-process.ts";
import { freePorts } from "#platform/testing/free-ports.ts";
import { withOwnBox } from "#tests/harness/clips.ts";
import type { Bench } from "./bench.ts";
import type { BenchEnvironment } from "./bench-environment.ts";
import { type Caller, getRequest, logIn, publishClip, videoOf } from "./client.ts";
import { runLoad, startGenerator } from "./generate.ts";
import { compare } from "./rounds.ts";
import { ratioRow } from "./scoreboard.ts";

const run = promisify(execFile);
const limits = { ...DEFAULT_MEDIA_LIMITS, probeTimeoutMs: 120_000 };
const programs = { ffmpeg: "ffmpeg", ffprobe: "ffprobe" };
const tool = createMediaTool(createFfmpegEngine(programs, limits), limits);
const signal = new AbortController().signal;
/** What is published first; see modules/video/pipeline.ts. */
const firstShortSidePx = 720;
const rungSidesPx = [360, 480, 720, 1080];
const publishedMs = 300_000;
const lookMs = 20;

/** What a phone films: 30 s of 1080 x 1920 in HEVC, 10 Mbit/s, with sound. */
async function phoneClip({ dataDir }: BenchEnvironment): Promise<string> {
  const file = join(dataDir, "phone.mp4");
  const args = ["-v", "error", "-y", "-stream_loop", "-1", "-i", "apps/server/demo/aurora.mp4"];
  args.push(
    "-f",
    "lavfi",
    "-i",
    "sine=frequency=440:sample_rate=48000",
    "-t",
    "30",
    "-map",
    "0:v",
    "-map",
    "1:a",
  );
  args.push("-vf", "scale=1080:1920,noise=alls=6:allf=t,fps=30,format=yuv420p", "-c:v", "libx265");
  args.push("-preset", "ultrafast", "-b:v", "10M", "-x265-params", "log-level=error", "-tag:v", "hvc1");
  await run("ffmpeg", [...args, "-c:a", "aac", file]);
  return file;
}

/** From the first byte of an upload until the video can be watched, against bare ffmpeg with the same settings. */
export const firstRung: Bench = async (environment, { rounds }) => {
  const [known] = await environment.callers();
  const server = await environment.serve();
  const caller = await logIn(server.port, known!);
  const file = await phoneClip(environment);
  const info = await tool.probe(file);
  const { video, audio } = planStreams({ ...info, audioComplies: false }, firstShortSidePx);
  const output = join(environment.dataDir, "bare.mp4");
  const bare = ["-v", "error", "-nostdin", "-y", "-threads", "2", "-i", file];
  bare.push(
    "-map",
    "0:v",
    "-vf",
    video.encode!.filter,
    "-c:v",
    "libx264",
    "-threads:v",
    String(limits.threads),
  );
  bare.push(...optionsOf(video.encode!.options, "v"));
  if (info.audioComplies) bare.push("-map", "0:a", "-c:a", "copy");
  else
    bare.push(
      "-map",
      "0:a",
      "-af",
      audio!.encode!.filter,
      "-c:a",
      "aac",
      ...optionsOf(audio!.encode!.options, "a"),
    );
  const compared = await compare(
    rounds,
    () => seconds(async () => watched(server.port, caller, withOwnBox(await readFile(file)))),
    () => seconds(() => run("ffmpeg", [...bare, "-movflags", "+faststart", output])),
  );
  await server.stop();
  await rm(output);
  return [ratioRow("first-rung", "s, 30 s of 1080p HEVC", compared, { atMost: 1.15 })];
};

/** Processor time of all rungs, against one ffmpeg that splits its pictures to the same encoders. */
export const ladder: Bench = async (environment, { rounds }) => {
  const file = await phoneClip(environment);
  const info = await tool.probe(file);
  const rungs = rungSidesPx.map((shortSidePx) => ({
    shortSidePx,
    output: join(environment.dataDir, `rung-${shortSidePx}.mp4`),
  }));
  const plan = planLadder(info, rungs);
  const split = `split=${rungs.length}${plan.rungs.map((_, i) => `[s${i}]`).join("")}`;
  const sizes = plan.rungs.map(({ width, height }, i) => `[s${i}]scale=${width}:${height}[v${i}]`);
  const bare = ["-v", "error", "-nostdin", "-y", "-threads", "2", "-i", file];
  bare.push("-filter_complex", [`[0:v]fps=30,format=yuv420p,${split}`, ...sizes].join(";"));
  plan.rungs.forEach(({ options }, i) => {
    bare.push("-map", `[v${i}]`, "-map", "0:a", "-c:v", "libx264", ...optionsOf(options, "v"));
    bare.push("-force_key_frames", "expr:gte(t,n_forced*2)", "-c:a", "aac", "-b:a", "128k");
    bare.push(join(environment.dataDir, `bare-${i}.mp4`));
  });
  const compared = await compare(
    rounds,
    () => processorSeconds(() => tool.ladder(file, rungs, info, { signal })),
    () => processorSeconds(() => run("ffmpeg", bare)),
  );
  return [ratioRow("ladder", "CPU s, four rungs of 30 s", compared, { atMost: 1.1 })];
};

/** Ranges of 200 KB of a film, as players ask for them, against nginx with the same file. */
export const segmentServe: Bench = async (environment, { rounds, roundMs }) => {
  const [known] = await environment.callers();
  const server = await environment.serve();
  const caller = await logIn(server.port, known!);
  const { playUrl } = await watched(server.port, caller, await readFile(await phoneClip(environment)));
  const film = Buffer.from(await (await fetch(playUrl)).arrayBuffer());
  await writeFile(join(environment.dataDir, "film.mp4"), film);
  const [port] = (await freePorts(1)) as [number];
  const nginx = await startNginx(environment.dataDir, port);
  environment.owns({ stop: nginx.kill });
  const generator = environment.owns(startGenerator());
  const partBytes = 200_000;
  const ranges = Array.from(
    { length: Math.floor(film.length / partBytes) },
    (_, i) => `bytes=${i * partBytes}-${(i + 1) * partBytes - 1}`,
  );
  const load = async (at: number, path: string) => {
    const requests = ranges.map((range) => getRequest(path, { range }));
    return (await runLoad(generator, { port: at, requests, connections: 32, durationMs: roundMs })).perSecond;
  };
  const compared = await compare(
    rounds,
    () => load(server.port, new URL(playUrl).pathname),
    () => load(port, "/film.mp4"),
  );
  await generator.stop();
  await nginx.kill();
  await server.stop();
  return [ratioRow("segment-serve", "ranges of 200 KB/s", compared, { atLeast: 0.5 })];
};

async function startNginx(dir: string, port: number) {
  const config = join(dir, "nginx.conf");
  // As Debian has it, but for its places.
  await writeFile(
    config,
    `daemon off; user root; worker_processes auto; pid ${dir}/nginx.pid; error_log ${dir}/nginx.log;
    events { worker_connections 768; }
    http { sendfile on; tcp_nopush on; access_log off; keepalive_requests 1000000;
      server { listen 127.0.0.1:${port}; root ${dir}; } }`,
  );
  return startEngine("nginx", ["-c", config, "-e", `${dir}/nginx.log`], async () => {
    return (await fetch(`http://127.0.0.1:${port}/film.mp4`, { method: "HEAD" })).ok;
  });
}

/** Publishes it and waits until it can be watched. */
async function watched(port: number, caller: Caller, clip: Uint8Array<ArrayBuffer>) {
  const id = await publishClip(port, caller, clip, "from a phone");
  for (const untilMs = Date.now() + publishedMs; Date.now() < untilMs; await delay(lookMs)) {
    const video = await videoOf(port, caller, id);
    if (video.state === "published") return { playUrl: video.playUrl! };
    if (video.state === "failed") throw new Error(`the clip was refused: ${JSON.stringify(video)}`);
  }
  throw new Error(`not published within ${publishedMs} ms`);
}

function optionsOf(options: Record<string, string>, stream: "v" | "a"): string[] {
  return Object.entries(options).flatMap(([name, value]) => [`-${name}:${stream}`, value]);
}

async function seconds(work: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await work();
  return (performance.now() - startedMs) / 1000;
}

/** Of the processes that this one has started meanwhile, as Linux counts them. */
async function processorSeconds(work: () => Promise<unknown>): Promise<number> {
  const before = await ofChildren();
  await work();
  return (await ofChildren()) - before;
}

const ticksPerSecond = 100;

async function ofChildren(): Promise<number> {
  const text = await readFile("/proc/self/stat", "latin1");
  // After the name: state is field 3; 16 and 17 are the times of children, in ticks.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[13]) + Number(fields[14])) / ticksPerSecond;
}
