import { AVDISCARD_ALL, AVERROR_EOF, AVMEDIA_TYPE_VIDEO } from "node-av/constants";
import {
  Codec,
  CodecContext,
  Dictionary,
  FFmpegError,
  FormatContext,
  type Frame,
  InputFormat,
  Packet,
  PosixError,
  type Stream,
} from "node-av/lib";
import type { SourceFile } from "../media-engine.ts";
import type { WorkerBounds } from "./worker-job.ts";

export const check = (code: number, doing: string): number => {
  FFmpegError.throwIfError(code, doing);
  return code;
};

/** "Give more input first." 35 on macOS and the BSDs. */
export const EAGAIN = FFmpegError.AVERROR(PosixError.EAGAIN);

/** Opens a file with exactly the given demuxer, which can open no other file and no URL. */
export function openSource({ path, demuxer, ignoreEdits }: SourceFile): FormatContext {
  const format = InputFormat.findInputFormat(demuxer);
  if (!format) throw new Error(`no demuxer ${demuxer}`);
  const source = new FormatContext();
  const options = Dictionary.fromObject({
    protocol_whitelist: "file",
    format_whitelist: demuxer,
    ...(ignoreEdits ? { ignore_editlist: "1" } : {}),
  });
  check(source.openInputSync(`file:${path}`, format, options), "open");
  check(source.findStreamInfoSync(), "read the streams");
  return source;
}

/** Calls back with every packet of the given streams until the end, or until `visit` returns false. */
export function eachPacket(
  source: FormatContext,
  streams: number[],
  visit: (packet: Packet) => boolean,
): void {
  for (const stream of source.streams) if (!streams.includes(stream.index)) stream.discard = AVDISCARD_ALL;
  const packet = new Packet();
  packet.alloc();
  for (;;) {
    const code = source.readFrameSync(packet);
    if (code === AVERROR_EOF) break;
    check(code, "read");
    const goOn = !streams.includes(packet.streamIndex) || visit(packet);
    packet.unref();
    if (!goOn) break;
  }
  packet.free();
}

/** Decodes one stream. Frames that cannot be decoded are skipped, unless most of them are. */
export class StreamDecoder {
  readonly context = new CodecContext();
  private readonly frame: Frame;
  private readonly visit: (frame: Frame) => boolean;
  private decoded = 0;
  private failed = 0;

  /** `visit` returns false when it has seen enough. */
  constructor(stream: Stream, bounds: WorkerBounds, frame: Frame, visit: (frame: Frame) => boolean) {
    this.frame = frame;
    this.visit = visit;
    const codec = Codec.findDecoder(stream.codecpar.codecId);
    if (!codec) throw new Error("no decoder");
    this.context.allocContext3(codec);
    check(this.context.parametersToContext(stream.codecpar), "set up the decoder");
    this.context.pktTimebase = stream.timeBase;
    const isVideo = stream.codecpar.codecType === AVMEDIA_TYPE_VIDEO;
    const options = Dictionary.fromObject({
      threads: bounds.threads,
      ...(isVideo ? { max_pixels: bounds.maxPixels } : {}),
    });
    check(this.context.open2Sync(codec, options), "open the decoder");
  }

  /** null: the end. Returns false if enough has been seen. */
  decode(packet: Packet | null): boolean {
    const sent = this.context.sendPacketSync(packet);
    if (sent < 0) this.failed += 1;
    for (;;) {
      const code = this.context.receiveFrameSync(this.frame);
      if (code === EAGAIN || code === AVERROR_EOF) break;
      if (code < 0) {
        this.failed += 1;
        break;
      }
      this.decoded += 1;
      this.frame.pts = this.frame.bestEffortTimestamp;
      const goOn = this.visit(this.frame);
      this.frame.unref();
      if (!goOn) return false;
    }
    return true;
  }

  /** Throws if more than two thirds could not be decoded, as ffmpeg does. */
  assertMostlyDecoded(): void {
    if (this.failed > 0 && this.failed > 2 * this.decoded)
      throw new Error(`${this.failed} packets could not be decoded, ${this.decoded} frames could`);
  }
}
