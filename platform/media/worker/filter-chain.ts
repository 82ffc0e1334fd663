import { AVERROR_EOF } from "node-av/constants";
import { type FilterContext, FilterGraph, type Frame, type Rational } from "node-av/lib";
import { check, EAGAIN } from "./open-source.ts";

/** A filter graph for frames like the first one, which sets it up. */
export class FilterChain {
  private readonly kind: "video" | "audio";
  private readonly filters: string;
  private readonly timeBase: Rational;
  private readonly output: Frame;
  private readonly threads: number;
  private ends: { graph: FilterGraph; source: FilterContext; sink: FilterContext } | undefined;

  constructor(kind: "video" | "audio", filters: string, timeBase: Rational, output: Frame, threads: number) {
    this.kind = kind;
    this.filters = filters;
    this.timeBase = timeBase;
    this.output = output;
    this.threads = threads;
  }

  /** null: the end. Returns false if `visit` has seen enough. */
  push(input: Frame | null, visit: (frame: Frame, timeBase: Rational) => boolean): boolean {
    if (!this.ends && !input) return true;
    this.ends ??= this.build(input as Frame);
    const { source, sink } = this.ends;
    const added = source.buffersrcAddFrameSync(input);
    if (added !== AVERROR_EOF) check(added, "filter");
    for (;;) {
      const code = sink.buffersinkGetFrameSync(this.output);
      if (code === EAGAIN || code === AVERROR_EOF) return true;
      check(code, "filter");
      const goOn = visit(this.output, sink.buffersinkGetTimeBase());
      this.output.unref();
      if (!goOn) return false;
    }
  }

  private build(first: Frame) {
    const prefix = this.kind === "audio" ? "a" : "";
    const inner = this.filters.startsWith("[in]") ? this.filters : `[in]${this.filters}[out]`;
    const graph = new FilterGraph();
    graph.alloc();
    graph.nbThreads = this.threads;
    const source = `${prefix}buffer@source`;
    const sink = `${prefix}buffersink@sink`;
    const whole = `${source}=${this.describe(first)}[in];${inner};[out]${sink}`;
    check(graph.parsePtr(whole), `parse ${whole}`);
    check(graph.configSync(), `set up ${whole}`);
    return { graph, source: endOf(graph, source), sink: endOf(graph, sink) };
  }

  private describe(frame: Frame): string {
    const { num, den } = this.timeBase;
    if (this.kind === "audio") {
      const { order, mask, nbChannels } = frame.channelLayout;
      const layout = order === 1 ? `0x${mask.toString(16)}` : `${nbChannels}c`;
      return `sample_rate=${frame.sampleRate}:sample_fmt=${frame.format}:channel_layout=${layout}:time_base=${num}/${den}`;
    }
    const aspect = frame.sampleAspectRatio;
    return (
      `video_size=${frame.width}x${frame.height}:pix_fmt=${frame.format}:time_base=${num}/${den}` +
      `:pixel_aspect=${aspect.num}/${Math.max(1, aspect.den)}` +
      `:colorspace=${frame.colorSpace}:range=${frame.colorRange}`
    );
  }
}

function endOf(graph: FilterGraph, name: string): FilterContext {
  const end = graph.getFilter(name);
  if (!end) throw new Error(`no filter ${name}`);
  return end;
}
