import { writeFileSync } from "node:fs";
import {
  AV_CODEC_FLAG_BITEXACT,
  AV_CODEC_FLAG_QSCALE,
  AV_NOPTS_VALUE,
  AV_PIX_FMT_YUVJ420P,
  AVCOL_RANGE_JPEG,
  AVMEDIA_TYPE_VIDEO,
  AVSEEK_FLAG_BACKWARD,
  FF_ENCODER_MJPEG,
} from "node-av/constants";
import { Codec, CodecContext, type FormatContext, Frame, Packet, Rational } from "node-av/lib";
import { SAMPLE_SIZE } from "../cover-choice.ts";
import type { SampleJob, SourceFile, StillJob } from "../media-engine.ts";
import { FilterChain } from "./filter-chain.ts";
import { check, eachPacket, openSource, StreamDecoder } from "./open-source.ts";
import type { WorkerBounds } from "./worker-job.ts";

/** FFmpeg's unit of quality; 3 is a good JPEG. */
const LAMBDA = 118;
const JPEG_QUALITY = 3;

export function sample(job: SampleJob, bounds: WorkerBounds, write: (bytes: Buffer) => void): void {
  const source = openSource(job.source);
  const stream = streamOf(source, job.stream);
  const chain = new FilterChain("video", job.filter, stream.timeBase, newFrame(), bounds.threads);
  const start = startIn(source, stream.timeBase);
  let count = 0;
  const visit = (frame: Frame) => {
    write(frame.toBuffer());
    count += 1;
    return count < job.maxFrames;
  };
  const decoder = new StreamDecoder(stream, bounds, newFrame(), (frame) => {
    if (frame.pts !== AV_NOPTS_VALUE) frame.pts -= start;
    return chain.push(frame, visit);
  });
  eachPacket(source, [stream.index], (packet) => decoder.decode(packet));
  if (count < job.maxFrames && decoder.decode(null)) chain.push(null, visit);
}

/** Whether a picture of a stream can be decoded and drawn. */
export function see(source: SourceFile, stream: number, bounds: WorkerBounds): boolean {
  let seen = false;
  sample({ source, stream, filter: SAMPLE_SIZE, maxFrames: 1 }, bounds, () => {
    seen = true;
  });
  return seen;
}

export function still(job: StillJob, bounds: WorkerBounds): void {
  const source = openSource(job.source);
  const stream = streamOf(source, job.stream);
  const chain = new FilterChain("video", job.filter, stream.timeBase, newFrame(), bounds.threads);
  const start = startIn(source, stream.timeBase);
  const wanted = start + BigInt(Math.round(job.atMs / 1000 / stream.timeBase.toDouble()));
  // Broadcast streams have no index: after a seek nothing can be decoded yet.
  const hasIndex = !job.source.demuxer.startsWith("mpeg");
  if (job.atMs > 0 && hasIndex) source.seekFrameSync(stream.index, wanted, AVSEEK_FLAG_BACKWARD);

  let done = false;
  const visit = (frame: Frame) => {
    writeFileSync(job.output, encodeJpeg(frame));
    done = true;
    return false;
  };
  const last = newFrame();
  let seen = false;
  const decoder = new StreamDecoder(stream, bounds, newFrame(), (frame) => {
    if (job.ofAll) {
      if (frame.pts !== AV_NOPTS_VALUE) frame.pts -= start;
      return chain.push(frame, visit);
    }
    if (frame.pts === AV_NOPTS_VALUE || frame.pts >= wanted || job.atMs === 0) {
      // Graphs with a second source output their picture only when this one has ended.
      if (chain.push(frame, visit)) chain.push(null, visit);
      return false;
    }
    last.unref();
    last.ref(frame);
    seen = true;
    return true;
  });
  eachPacket(source, [stream.index], (packet) => decoder.decode(packet));
  if (!done) decoder.decode(null);
  if (!done && job.ofAll) chain.push(null, visit);
  if (!done && seen && chain.push(last, visit)) chain.push(null, visit);
  if (!done) throw new Error("no picture could be decoded");
}

function encodeJpeg(frame: Frame): Buffer {
  const codec = Codec.findEncoderByName(FF_ENCODER_MJPEG);
  if (!codec) throw new Error("no JPEG encoder");
  const encoder = new CodecContext();
  encoder.allocContext3(codec);
  encoder.width = frame.width;
  encoder.height = frame.height;
  encoder.pixelFormat = AV_PIX_FMT_YUVJ420P;
  encoder.colorRange = AVCOL_RANGE_JPEG;
  encoder.timeBase = new Rational(1, 1);
  encoder.setFlags(AV_CODEC_FLAG_QSCALE, AV_CODEC_FLAG_BITEXACT);
  encoder.globalQuality = JPEG_QUALITY * LAMBDA;
  check(encoder.open2Sync(codec), "open the JPEG encoder");
  frame.pts = 0n;
  frame.quality = JPEG_QUALITY * LAMBDA;
  check(encoder.sendFrameSync(frame), "encode the JPEG");
  check(encoder.sendFrameSync(null), "encode the JPEG");
  const packet = new Packet();
  packet.alloc();
  check(encoder.receivePacketSync(packet), "encode the JPEG");
  return Buffer.from(packet.data ?? []);
}

function streamOf(source: FormatContext, index: number) {
  const stream = source.streams[index];
  if (stream?.codecpar.codecType !== AVMEDIA_TYPE_VIDEO) throw new Error(`stream ${index} has no pictures`);
  return stream;
}

function startIn(source: FormatContext, timeBase: Rational): bigint {
  if (source.startTime === AV_NOPTS_VALUE) return 0n;
  return BigInt(Math.round(Number(source.startTime) / 1e6 / timeBase.toDouble()));
}

function newFrame(): Frame {
  const frame = new Frame();
  frame.alloc();
  return frame;
}
