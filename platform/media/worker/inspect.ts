import {
  AV_DISPOSITION_ATTACHED_PIC,
  AV_DISPOSITION_DEFAULT,
  AV_FIELD_BB,
  AV_FIELD_BT,
  AV_FIELD_TB,
  AV_FIELD_TT,
  AV_NOPTS_VALUE,
  AV_PKT_DATA_DISPLAYMATRIX,
  AV_PKT_DATA_DOVI_CONF,
  AV_PROFILE_AAC_LOW,
  AVCOL_PRI_BT2020,
  AVCOL_PRI_RESERVED,
  AVCOL_PRI_RESERVED0,
  AVCOL_PRI_SMPTE431,
  AVCOL_PRI_SMPTE432,
  AVCOL_PRI_UNSPECIFIED,
  AVCOL_RANGE_JPEG,
  AVCOL_SPC_RESERVED,
  AVCOL_SPC_UNSPECIFIED,
  AVCOL_TRC_ARIB_STD_B67,
  AVCOL_TRC_SMPTE2084,
  AVMEDIA_TYPE_AUDIO,
  AVMEDIA_TYPE_VIDEO,
  type AVPixelFormat,
} from "node-av/constants";
import {
  avGetCodecName,
  avGetPixFmtName,
  Codec,
  CodecContext,
  type FormatContext,
  type Stream,
} from "node-av/lib";
import type { SourceFacts, SourceFile, StreamFacts } from "../media-engine.ts";
import { check, openSource } from "./open-source.ts";

const TRANSFERS = new Map<number, string>([
  [AVCOL_TRC_SMPTE2084, "smpte2084"],
  [AVCOL_TRC_ARIB_STD_B67, "arib-std-b67"],
]);
const WIDE_PRIMARIES = new Map<number, string>([
  [AVCOL_PRI_BT2020, "bt2020"],
  [AVCOL_PRI_SMPTE431, "smpte431"],
  [AVCOL_PRI_SMPTE432, "smpte432"],
]);

const FIELD_ORDERS = new Map<number, StreamFacts["fieldOrder"]>([
  [AV_FIELD_TT, "top-first"],
  [AV_FIELD_TB, "top-first"],
  [AV_FIELD_BB, "bottom-first"],
  [AV_FIELD_BT, "bottom-first"],
]);
/** Where AVDOVIDecoderConfigurationRecord keeps the base layer's compatibility. */
const DOVI_BASE_AT = 7;

export function inspect(file: SourceFile): SourceFacts {
  return factsOf(openSource(file));
}

export function factsOf(source: FormatContext): SourceFacts {
  const duration = source.duration;
  return {
    durationMs: duration === AV_NOPTS_VALUE || duration <= 0n ? null : Number(duration) / 1000,
    streams: source.streams.map(readStream),
  };
}

function readStream(stream: Stream): StreamFacts {
  const parameters = stream.codecpar;
  const kind =
    parameters.codecType === AVMEDIA_TYPE_VIDEO
      ? "video"
      : parameters.codecType === AVMEDIA_TYPE_AUDIO
        ? "audio"
        : "other";
  const matrix = parameters.getCodedSideData(AV_PKT_DATA_DISPLAYMATRIX);
  const dolbyVision = parameters.getCodedSideData(AV_PKT_DATA_DOVI_CONF);
  const codec = avGetCodecName(parameters.codecId);
  const rational = ({ num, den }: { num: number; den: number }) => ({ num, den });
  return {
    index: stream.index,
    kind,
    codec: codec === null || codec === "none" ? "unknown" : codec,
    profile: codec === "aac" && parameters.profile === AV_PROFILE_AAC_LOW ? "LC" : String(parameters.profile),
    isDefault: (stream.disposition & AV_DISPOSITION_DEFAULT) !== 0,
    fieldOrder: kind === "video" ? fieldOrderOf(stream) : "unknown",
    pixelFormat:
      kind === "video" ? (avGetPixFmtName(parameters.format as AVPixelFormat) ?? "unknown") : "unknown",
    width: parameters.width,
    height: parameters.height,
    pixelAspect: rational(
      stream.sampleAspectRatio.num ? stream.sampleAspectRatio : parameters.sampleAspectRatio,
    ),
    frameRate: rational(stream.avgFrameRate),
    nominalFrameRate: rational(stream.rFrameRate),
    transfer: TRANSFERS.get(parameters.colorTrc) ?? "unknown",
    matrix: tag(parameters.colorSpace, [AVCOL_SPC_UNSPECIFIED, AVCOL_SPC_RESERVED]),
    primaries:
      WIDE_PRIMARIES.get(parameters.colorPrimaries) ??
      tag(parameters.colorPrimaries, [AVCOL_PRI_UNSPECIFIED, AVCOL_PRI_RESERVED, AVCOL_PRI_RESERVED0]),
    fullRange: parameters.colorRange === AVCOL_RANGE_JPEG,
    dolbyVisionBase: dolbyVision ? dolbyVision.readUInt8(DOVI_BASE_AT) : null,
    displayMatrix: matrix ? Array.from({ length: 9 }, (_, at) => matrix.readInt32LE(at * 4)) : null,
    attachedPicture: (stream.disposition & AV_DISPOSITION_ATTACHED_PIC) !== 0,
    channels: parameters.channels,
    sampleRate: parameters.sampleRate,
    frames: Number(stream.nbFrames) || null,
  };
}

function tag(value: number, unknown: number[]): string {
  return unknown.includes(value) ? "unknown" : String(value);
}

/** The library shows it only as a decoder's setting. */
function fieldOrderOf(stream: Stream): StreamFacts["fieldOrder"] {
  const codec = Codec.findDecoder(stream.codecpar.codecId);
  if (!codec) return "unknown";
  const context = new CodecContext();
  context.allocContext3(codec);
  check(context.parametersToContext(stream.codecpar), "read the field order");
  const order = FIELD_ORDERS.get(Number(context.getOption("field_order")));
  context.freeContext();
  return order ?? "unknown";
}
