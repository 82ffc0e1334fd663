import {
  AV_DISPOSITION_ATTACHED_PIC,
  AV_NOPTS_VALUE,
  AV_PKT_DATA_DISPLAYMATRIX,
  AVCOL_TRC_ARIB_STD_B67,
  AVCOL_TRC_SMPTE2084,
  AVMEDIA_TYPE_AUDIO,
  AVMEDIA_TYPE_VIDEO,
  type AVPixelFormat,
} from "node-av/constants";
import { avGetCodecName, avGetPixFmtName, type Stream } from "node-av/lib";
import type { SourceFacts, SourceFile, StreamFacts } from "../media-engine.ts";
import { eachPacket, openSource } from "./open-source.ts";

const TRANSFERS = new Map<number, string>([
  [AVCOL_TRC_SMPTE2084, "smpte2084"],
  [AVCOL_TRC_ARIB_STD_B67, "arib-std-b67"],
]);

export function inspect(file: SourceFile): SourceFacts {
  const source = openSource(file);
  const duration = source.duration;
  return {
    durationMs: duration === AV_NOPTS_VALUE || duration <= 0n ? null : Number(duration) / 1000,
    streams: source.streams.map(readStream),
  };
}

/** Reads to the end and returns where the given stream ends. */
export function measure(file: SourceFile, streamIndex: number): number {
  const source = openSource(file);
  const base = source.streams[streamIndex]!.timeBase.toDouble();
  const start = source.startTime === AV_NOPTS_VALUE ? 0 : Number(source.startTime) / 1e6;
  let end = 0;
  eachPacket(source, [streamIndex], (packet) => {
    const at = packet.pts === AV_NOPTS_VALUE ? packet.dts : packet.pts;
    if (at !== AV_NOPTS_VALUE) end = Math.max(end, Number(at + packet.duration) * base - start);
    return true;
  });
  return end * 1000;
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
  const codec = avGetCodecName(parameters.codecId);
  const rational = ({ num, den }: { num: number; den: number }) => ({ num, den });
  return {
    index: stream.index,
    kind,
    codec: codec === null || codec === "none" ? "unknown" : codec,
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
    displayMatrix: matrix ? Array.from({ length: 9 }, (_, at) => matrix.readInt32LE(at * 4)) : null,
    attachedPicture: (stream.disposition & AV_DISPOSITION_ATTACHED_PIC) !== 0,
    channels: parameters.channels,
  };
}
