import { AV_NOPTS_VALUE, AVFMT_FLAG_BITEXACT } from "node-av/constants";
import { Dictionary, FormatContext, type Packet, type Rational, type Stream } from "node-av/lib";
import type { ConvertJob } from "../media-engine.ts";
import { FRAGMENT_FLAGS } from "../plan.ts";
import { check } from "./open-source.ts";

const REPORT_EVERY_MS = 250;

/** The MP4 that is written: fast start, no metadata. */
export class Mp4Sink {
  private readonly context = new FormatContext();
  private readonly maxBytes: number;
  private readonly fragmented: boolean;
  private readonly reportTime: (ms: number) => void;
  private bytes = 0;
  private endMs = 0;
  private reportedAt = 0;

  constructor(job: ConvertJob, reportTime: (ms: number) => void) {
    this.maxBytes = job.maxOutputBytes;
    this.fragmented = job.fragmented ?? false;
    this.reportTime = reportTime;
    check(this.context.allocOutputContext2(null, "mp4", `file:${job.output}`), "set up the output");
    this.context.setFlags(AVFMT_FLAG_BITEXACT);
    check(this.context.openOutputSync(), "open the output");
  }

  addStream(): Stream {
    return this.context.newStream();
  }

  start(): void {
    const options = Dictionary.fromObject(
      this.fragmented ? { movflags: FRAGMENT_FLAGS, use_editlist: "1" } : { movflags: "+faststart" },
    );
    check(this.context.writeHeaderSync(options), "write the header");
  }

  get isFull(): boolean {
    return this.bytes >= this.maxBytes;
  }

  /** Takes ownership of the packet. */
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
