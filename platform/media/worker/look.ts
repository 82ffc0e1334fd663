import {
  AV_FRAME_DATA_CONTENT_LIGHT_LEVEL,
  AV_FRAME_DATA_MASTERING_DISPLAY_METADATA,
  AV_NOPTS_VALUE,
  AV_PKT_DATA_NEW_EXTRADATA,
  AV_PKT_FLAG_CORRUPT,
  AV_PKT_FLAG_DISCARD,
} from "node-av/constants";
import { Frame } from "node-av/lib";
import { readAvcSettings, sequencesIn, splitByteStream } from "../h264.ts";
import type { LightFacts, SourceFile, Survey } from "../media-engine.ts";
import { PacketSurvey, type SurveyOptions } from "../packet-survey.ts";
import { factsOf } from "./inspect.ts";
import { eachPacket, openSource, StreamDecoder } from "./open-source.ts";
import type { WorkerBounds } from "./worker-job.ts";

const HEARD_SECONDS = 1;
/** Where AVMasteringDisplayMetadata keeps its highest luminance, a rational, and whether it has one. */
const HIGHEST_LUMINANCE_AT = 72;
const HAS_LUMINANCE_AT = 84;

export function survey(file: SourceFile, options: SurveyOptions): Survey {
  const source = openSource(file);
  const facts = factsOf(source);
  const found = new PacketSurvey(options);
  const bases = source.streams.map((stream) => stream.timeBase.toDouble());
  const every = source.streams.map((stream) => stream.index);
  eachPacket(source, every, (packet) => {
    const base = bases[packet.streamIndex] ?? 0;
    const seconds = (time: bigint) => (time === AV_NOPTS_VALUE ? null : Number(time) * base);
    found.add({
      stream: packet.streamIndex,
      pts: seconds(packet.pts),
      dts: seconds(packet.dts),
      duration: Number(packet.duration) * base,
      position: Number(packet.pos),
      size: packet.size,
      discarded: (packet.flags & AV_PKT_FLAG_DISCARD) !== 0,
      corrupt: (packet.flags & AV_PKT_FLAG_CORRUPT) !== 0,
      newSettings: packet.getSideData(AV_PKT_DATA_NEW_EXTRADATA) !== null,
    });
    return true;
  });
  return { facts, spans: found.result() };
}

export function hear(file: SourceFile, streamIndex: number, bounds: WorkerBounds): boolean {
  const source = openSource(file);
  const stream = source.streams[streamIndex]!;
  let heard = 0;
  try {
    const decoder = new StreamDecoder(stream, bounds, newFrame(), (frame) => {
      heard += frame.nbSamples / Math.max(1, frame.sampleRate);
      return heard < HEARD_SECONDS;
    });
    eachPacket(source, [streamIndex], (packet) => decoder.decode(packet));
    if (heard === 0) decoder.decode(null);
  } catch (error) {
    if (heard === 0) throw error;
  }
  return heard > 0;
}

export function light(file: SourceFile, streamIndex: number, bounds: WorkerBounds): LightFacts {
  const source = openSource(file);
  const told: LightFacts = { masteringPeak: 0, contentPeak: 0 };
  const decoder = new StreamDecoder(source.streams[streamIndex]!, bounds, newFrame(), (frame) => {
    const mastering = frame.getSideData(AV_FRAME_DATA_MASTERING_DISPLAY_METADATA);
    const content = frame.getSideData(AV_FRAME_DATA_CONTENT_LIGHT_LEVEL);
    if (mastering && mastering.readInt32LE(HAS_LUMINANCE_AT) !== 0) {
      const divisor = mastering.readInt32LE(HIGHEST_LUMINANCE_AT + 4);
      if (divisor !== 0) told.masteringPeak = mastering.readInt32LE(HIGHEST_LUMINANCE_AT) / divisor;
    }
    if (content) told.contentPeak = content.readUInt32LE(0);
    return false;
  });
  let seen = false;
  eachPacket(source, [streamIndex], (packet) => {
    seen = !decoder.decode(packet);
    return !seen;
  });
  if (!seen) decoder.decode(null);
  return told;
}

export function sequences(file: SourceFile, streamIndex: number): string[] {
  const source = openSource(file);
  const extradata = source.streams[streamIndex]!.codecpar.extradata ?? Buffer.alloc(0);
  const settings = readAvcSettings(extradata);
  const units = settings ? settings.sequences : splitByteStream(extradata);
  const found = new Set(units.map((unit) => unit.toString("base64")));
  if (settings)
    eachPacket(source, [streamIndex], (packet) => {
      if (packet.data)
        for (const unit of sequencesIn(packet.data, settings.lengthBytes)) found.add(unit.toString("base64"));
      return true;
    });
  return [...found];
}

function newFrame(): Frame {
  const frame = new Frame();
  frame.alloc();
  return frame;
}
