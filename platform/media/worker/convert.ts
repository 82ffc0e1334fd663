import {
  AV_CHANNEL_LAYOUT_STEREO,
  AV_CODEC_FLAG_BITEXACT,
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_NOPTS_VALUE,
  AV_PICTURE_TYPE_NONE,
  AV_PIX_FMT_YUV420P,
  AV_SAMPLE_FMT_FLTP,
  AVCOL_PRI_BT709,
  AVCOL_RANGE_MPEG,
  AVCOL_SPC_BT709,
  AVCOL_TRC_BT709,
  AVERROR_EOF,
  AVFMT_FLAG_BITEXACT,
  FF_ENCODER_AAC,
  FF_ENCODER_LIBX264,
  type FFEncoderCodec,
} from "node-av/constants";
import {
  avRescaleQ,
  Codec,
  CodecContext,
  Dictionary,
  FormatContext,
  Frame,
  Packet,
  Rational,
  type Stream,
} from "node-av/lib";
import type { ConvertJob } from "../media-engine.ts";
import { uprightFilters } from "../plan.ts";
import { FilterChain } from "./filter-chain.ts";
import { check, eachPacket, openSource, StreamDecoder } from "./open-source.ts";
import type { WorkerBounds } from "./worker-job.ts";

const EAGAIN = -11;
const REPORT_EVERY_MS = 250;

/** One stream on its way: packets in, until null for the end. */
interface Lane {
  push(packet: Packet | null): void;
}

export function convert(job: ConvertJob, bounds: WorkerBounds, reportTime: (ms: number) => void): void {
  const source = openSource(job.source);
  const sink = new Sink(job, reportTime);
  const lanes = new Map<number, Lane>();
  for (const part of [job.video, job.audio]) {
    if (!part) continue;
    const stream = source.streams[part.stream];
    if (!stream) throw new Error(`no stream ${part.stream}`);
    const start = source.startTime === AV_NOPTS_VALUE ? 0 : Number(source.startTime) / 1e6;
    const shift = BigInt(Math.round(start / stream.timeBase.toDouble()));
    lanes.set(
      part.stream,
      part.encode ? encodeLane(job, stream, shift, bounds, sink) : copyLane(stream, shift, sink),
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

/** The MP4 that is written. */
class Sink {
  private readonly context = new FormatContext();
  private readonly maxBytes: number;
  private readonly reportTime: (ms: number) => void;
  private bytes = 0;
  private endMs = 0;
  private reportedAt = 0;

  constructor(job: ConvertJob, reportTime: (ms: number) => void) {
    this.maxBytes = job.maxOutputBytes;
    this.reportTime = reportTime;
    check(this.context.allocOutputContext2(null, "mp4", `file:${job.output}`), "set up the output");
    this.context.setFlags(AVFMT_FLAG_BITEXACT);
    check(this.context.openOutputSync(), "open the output");
  }

  addStream(): Stream {
    return this.context.newStream();
  }

  start(): void {
    const options = Dictionary.fromObject({ movflags: "+faststart" });
    check(this.context.writeHeaderSync(options), "write the header");
  }

  get isFull(): boolean {
    return this.bytes >= this.maxBytes;
  }

  /** Takes the packet over. */
  write(packet: Packet, from: Rational, stream: Stream): void {
    this.bytes += packet.size;
    packet.rescaleTs(from, stream.timeBase);
    packet.streamIndex = stream.index;
    packet.pos = -1n;
    if (packet.dts !== AV_NOPTS_VALUE)
      this.endMs = Math.max(
        this.endMs,
        Number(packet.dts + packet.duration) * stream.timeBase.toDouble() * 1000,
      );
    check(this.context.interleavedWriteFrameSync(packet), "write");
    if (Date.now() - this.reportedAt < REPORT_EVERY_MS) return;
    this.reportedAt = Date.now();
    this.reportTime(Math.max(0, this.endMs));
  }

  finish(): void {
    check(this.context.writeTrailerSync(), "write the index");
    this.context.closeOutputSync();
    this.reportTime(Math.max(0, this.endMs));
  }
}

function copyLane(source: Stream, shift: bigint, sink: Sink): Lane {
  const target = sink.addStream();
  check(source.codecpar.copy(target.codecpar), "copy a stream");
  target.codecpar.codecTag = 0;
  target.timeBase = source.timeBase;
  target.sampleAspectRatio = source.sampleAspectRatio;
  let started = false;
  let lastDts = AV_NOPTS_VALUE;
  return {
    push(packet) {
      started ||= packet?.isKeyframe ?? false;
      if (!packet || !started) return;
      if (packet.pts !== AV_NOPTS_VALUE) packet.pts -= shift;
      if (packet.dts !== AV_NOPTS_VALUE) {
        // Sloppy files repeat timestamps, which MP4 cannot hold.
        packet.dts = packet.dts - shift > lastDts ? packet.dts - shift : lastDts + 1n;
        if (packet.pts < packet.dts) packet.pts = packet.dts;
        lastDts = packet.dts;
      }
      sink.write(packet, source.timeBase, target);
    },
  };
}

function encodeLane(job: ConvertJob, source: Stream, shift: bigint, bounds: WorkerBounds, sink: Sink): Lane {
  const isVideo = source.index === job.video.stream;
  const encoder = isVideo ? openVideoEncoder(job, source, bounds) : openAudioEncoder(job);
  const target = sink.addStream();
  check(encoder.parametersFromContext(target.codecpar), "set up the stream");
  target.timeBase = encoder.timeBase;
  if (isVideo) target.avgFrameRate = encoder.framerate;

  const packet = new Packet();
  packet.alloc();
  const encode = (frame: Frame | null, timeBase?: Rational) => {
    if (frame && timeBase) {
      frame.pts = avRescaleQ(frame.pts, timeBase, encoder.timeBase);
      frame.pictType = AV_PICTURE_TYPE_NONE;
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

  const filtered = newFrame();
  const kind = isVideo ? "video" : "audio";
  const filters = isVideo
    ? [...uprightFilters(job.video.encode!.upright), job.video.encode!.filter]
    : [job.audio!.encode!.filter, `asetnsamples=n=${encoder.frameSize}:p=0`];
  const chain = new FilterChain(kind, filters.join(","), source.timeBase, filtered, bounds.threads);
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
    },
  };
}

function openVideoEncoder(job: ConvertJob, source: Stream, bounds: WorkerBounds): CodecContext {
  const plan = job.video.encode!;
  const { codec, context } = newEncoder(FF_ENCODER_LIBX264);
  context.width = plan.width;
  context.height = plan.height;
  context.pixelFormat = AV_PIX_FMT_YUV420P;
  context.sampleAspectRatio = new Rational(1, 1);
  context.framerate = new Rational(plan.frameRate.num, plan.frameRate.den);
  context.timeBase = context.framerate.inv();
  context.colorRange = AVCOL_RANGE_MPEG;
  const { colorSpace, colorPrimaries, colorTrc } = source.codecpar;
  context.colorSpace = plan.isBt709 ? AVCOL_SPC_BT709 : colorSpace;
  context.colorPrimaries = plan.isBt709 ? AVCOL_PRI_BT709 : colorPrimaries;
  context.colorTrc = plan.isBt709 ? AVCOL_TRC_BT709 : colorTrc;
  const options = Dictionary.fromObject({ ...plan.options, threads: bounds.threads });
  check(context.open2Sync(codec, options), "open the video encoder");
  return context;
}

function openAudioEncoder(job: ConvertJob): CodecContext {
  const plan = job.audio!.encode!;
  const { codec, context } = newEncoder(FF_ENCODER_AAC);
  context.sampleFormat = AV_SAMPLE_FMT_FLTP;
  context.sampleRate = plan.sampleRate;
  context.channelLayout = AV_CHANNEL_LAYOUT_STEREO;
  context.timeBase = new Rational(1, plan.sampleRate);
  check(context.open2Sync(codec, Dictionary.fromObject(plan.options)), "open the audio encoder");
  return context;
}

function newEncoder(name: FFEncoderCodec) {
  const codec = Codec.findEncoderByName(name);
  if (!codec) throw new Error(`no encoder ${name}`);
  const context = new CodecContext();
  context.allocContext3(codec);
  context.setFlags(AV_CODEC_FLAG_GLOBAL_HEADER, AV_CODEC_FLAG_BITEXACT);
  return { codec, context };
}

function newFrame(): Frame {
  const frame = new Frame();
  frame.alloc();
  return frame;
}
