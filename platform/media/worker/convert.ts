import { writeFileSync } from "node:fs";
import { AV_NOPTS_VALUE, AV_PICTURE_TYPE_I, AV_PICTURE_TYPE_NONE, AVERROR_EOF } from "node-av/constants";
import { avRescaleQ, Frame, Packet, type Rational, type Stream } from "node-av/lib";
import { readAvcSettings, withoutMessages } from "../h264.ts";
import type { ConvertJob } from "../media-engine.ts";
import { keyTimeSeconds, uprightFilters } from "../plan.ts";
import { openAudioEncoder, openVideoEncoder } from "./encoders.ts";
import { FilterChain } from "./filter-chain.ts";
import { Mp4Sink } from "./mp4-sink.ts";
import { check, EAGAIN, eachPacket, openSource, StreamDecoder } from "./open-source.ts";
import { SoundChain } from "./sound-chain.ts";
import type { WorkerBounds } from "./worker-job.ts";

const NOTHING = Buffer.alloc(0);

/** One stream: packets in, then null for the end. */
interface Lane {
  push(packet: Packet | null): void;
}

export function convert(job: ConvertJob, bounds: WorkerBounds, reportTime: (ms: number) => void): void {
  const source = openSource(job.source);
  const sink = new Mp4Sink(job, reportTime);
  const lanes = new Map<number, Lane>();
  for (const part of [job.video, job.audio]) {
    if (!part) continue;
    const stream = source.streams[part.stream];
    if (!stream) throw new Error(`no stream ${part.stream}`);
    const shift = BigInt(Math.round(job.baseMs / 1000 / stream.timeBase.toDouble()));
    lanes.set(
      part.stream,
      part.encode ? encodeLane(job, stream, shift, bounds, sink) : copyLane(job, stream, shift, sink),
    );
  }
  sink.start();
  eachPacket(source, [...lanes.keys()], (packet) => {
    lanes.get(packet.streamIndex)?.push(packet);
    return !sink.isFull;
  });
  for (const lane of lanes.values()) lane.push(null);
  sink.finish();
}

function copyLane(job: ConvertJob, source: Stream, shift: bigint, sink: Mp4Sink): Lane {
  const target = sink.addStream();
  check(source.codecpar.copy(target.codecpar), "copy a stream");
  target.codecpar.codecTag = 0;
  target.timeBase = source.timeBase;
  target.sampleAspectRatio = source.sampleAspectRatio;
  const settings =
    source.index === job.video.stream ? readAvcSettings(source.codecpar.extradata ?? NOTHING) : null;
  const endMs = job.endMs ?? Number.POSITIVE_INFINITY;
  let started = false;
  let lastDts = AV_NOPTS_VALUE;
  return {
    push(packet) {
      started ||= packet?.isKeyframe ?? false;
      if (!packet || !started) return;
      if (packet.pts !== AV_NOPTS_VALUE) packet.pts -= shift;
      if (Number(packet.dts - shift) * source.timeBase.toDouble() * 1000 >= endMs) return;
      const { data } = packet;
      if (settings && data) {
        const shown = withoutMessages(data, settings.lengthBytes);
        if (shown !== data) replaceData(packet, shown);
      }
      if (packet.dts !== AV_NOPTS_VALUE) {
        // Some files repeat timestamps, which MP4 cannot store.
        packet.dts = packet.dts - shift > lastDts ? packet.dts - shift : lastDts + 1n;
        if (packet.pts < packet.dts) packet.pts = packet.dts;
        lastDts = packet.dts;
      }
      sink.write(packet, source.timeBase, target);
    },
  };
}

/** The library drops all other fields of a packet with its old data. */
function replaceData(packet: Packet, data: Buffer): void {
  const { pts, dts, duration, flags, streamIndex } = packet;
  packet.data = data;
  Object.assign(packet, { pts, dts, duration, flags, streamIndex });
}

function encodeLane(
  job: ConvertJob,
  source: Stream,
  shift: bigint,
  bounds: WorkerBounds,
  sink: Mp4Sink,
): Lane {
  const isVideo = source.index === job.video.stream;
  const encoder = isVideo ? openVideoEncoder(job, bounds) : openAudioEncoder(job);
  const target = sink.addStream();
  check(encoder.parametersFromContext(target.codecpar), "set up the stream");
  target.timeBase = encoder.timeBase;
  if (isVideo) target.avgFrameRate = encoder.framerate;

  const packet = new Packet();
  packet.alloc();
  let keyFrames = 0;
  const samples = isVideo && job.samples ? sampler(job.samples, bounds) : undefined;
  const encode = (frame: Frame | null, timeBase?: Rational) => {
    if (frame && timeBase) {
      samples?.(frame, timeBase);
      frame.pts = avRescaleQ(frame.pts, timeBase, encoder.timeBase);
      const seconds = Number(frame.pts) * encoder.timeBase.toDouble();
      const isKey = isVideo && job.fragmented && seconds >= keyTimeSeconds(keyFrames);
      if (isKey) keyFrames += 1;
      frame.pictType = isKey ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
    }
    check(encoder.sendFrameSync(frame), "encode");
    for (;;) {
      const code = encoder.receivePacketSync(packet);
      if (code === EAGAIN || code === AVERROR_EOF) return true;
      check(code, "encode");
      if (isVideo && packet.duration === 0n) packet.duration = 1n;
      sink.write(packet, encoder.timeBase, target);
      packet.unref();
    }
  };

  const chain = isVideo
    ? new FilterChain(
        "video",
        [...uprightFilters(job.video.encode!.upright), job.video.encode!.filter].join(","),
        source.timeBase,
        newFrame(),
        bounds.threads,
      )
    : new SoundChain(
        [job.audio!.encode!.filter, `asetnsamples=n=${encoder.frameSize}:p=0`].join(","),
        source.timeBase,
        bounds.threads,
      );
  const decoder = new StreamDecoder(source, bounds, newFrame(), (frame) => {
    if (frame.pts !== AV_NOPTS_VALUE) frame.pts -= shift;
    return chain.push(frame, encode);
  });
  return {
    push(input) {
      decoder.decode(input);
      if (input) return;
      decoder.assertMostlyDecoded();
      chain.push(null, encode);
      encode(null);
      samples?.(null);
    },
  };
}

/** Takes what is encoded, and null for the end, at which it writes its file. */
function sampler({ filter, output }: NonNullable<ConvertJob["samples"]>, bounds: WorkerBounds) {
  let chain: FilterChain | undefined;
  const pictures: Buffer[] = [];
  const keep = (picture: Frame) => pictures.push(picture.toBuffer()) > 0;
  const taken = newFrame();
  return (frame: Frame | null, timeBase?: Rational) => {
    if (frame && timeBase) {
      chain ??= new FilterChain("video", filter, timeBase, newFrame(), bounds.threads);
      // The graph keeps what it is given.
      taken.ref(frame);
      chain.push(taken, keep);
      return;
    }
    chain?.push(null, keep);
    writeFileSync(output, Buffer.concat(pictures));
  };
}

function newFrame(): Frame {
  const frame = new Frame();
  frame.alloc();
  return frame;
}
