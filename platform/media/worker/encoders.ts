import {
  AV_CHANNEL_LAYOUT_STEREO,
  AV_CODEC_FLAG_BITEXACT,
  AV_CODEC_FLAG_GLOBAL_HEADER,
  AV_PIX_FMT_YUV420P,
  AV_SAMPLE_FMT_FLTP,
  AVCOL_PRI_BT709,
  AVCOL_RANGE_MPEG,
  AVCOL_SPC_BT709,
  AVCOL_TRC_BT709,
  FF_ENCODER_AAC,
  FF_ENCODER_LIBX264,
  type FFEncoderCodec,
} from "node-av/constants";
import { Codec, CodecContext, Dictionary, Rational } from "node-av/lib";
import type { ConvertJob } from "../media-engine.ts";
import { check } from "./open-source.ts";
import type { WorkerBounds } from "./worker-job.ts";

export function openVideoEncoder(job: ConvertJob, bounds: WorkerBounds): CodecContext {
  const plan = job.video.encode!;
  const { codec, context } = newEncoder(FF_ENCODER_LIBX264);
  context.width = plan.width;
  context.height = plan.height;
  context.pixelFormat = AV_PIX_FMT_YUV420P;
  context.sampleAspectRatio = new Rational(1, 1);
  context.framerate = new Rational(plan.frameRate.num, plan.frameRate.den);
  context.timeBase = context.framerate.inv();
  context.colorRange = AVCOL_RANGE_MPEG;
  context.colorSpace = AVCOL_SPC_BT709;
  context.colorPrimaries = AVCOL_PRI_BT709;
  context.colorTrc = AVCOL_TRC_BT709;
  const options = Dictionary.fromObject({ ...plan.options, threads: bounds.threads });
  check(context.open2Sync(codec, options), "open the video encoder");
  return context;
}

export function openAudioEncoder(job: ConvertJob): CodecContext {
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
