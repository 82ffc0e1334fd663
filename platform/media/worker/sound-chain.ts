import { Frame, Rational } from "node-av/lib";
import { FilterChain } from "./filter-chain.ts";

const RATE = 48_000;
const ONE_FORM = `aresample=${RATE},aformat=sample_fmts=fltp:channel_layouts=stereo`;

/**
 * Filters for sound whose layout, rate or format may change. Filters cannot follow that: after each change, another
 * first part converts the sound to one form, and the rest sees no change.
 */
export class SoundChain {
  private readonly timeBase: Rational;
  private readonly threads: number;
  private readonly rest: FilterChain;
  private first: { chain: FilterChain; form: string } | undefined;

  constructor(filters: string, timeBase: Rational, threads: number) {
    this.timeBase = timeBase;
    this.threads = threads;
    this.rest = new FilterChain("audio", filters, new Rational(1, RATE), newFrame(), threads);
  }

  /** As in FilterChain. */
  push(input: Frame | null, visit: (frame: Frame, timeBase: Rational) => boolean): boolean {
    const onward = (frame: Frame) => this.rest.push(frame, visit);
    const form = input ? formOf(input) : undefined;
    if (this.first && this.first.form !== form) {
      this.first.chain.push(null, onward);
      this.first = undefined;
    }
    if (!input) return this.rest.push(null, visit);
    this.first ??= {
      chain: new FilterChain("audio", ONE_FORM, this.timeBase, newFrame(), this.threads),
      form: formOf(input),
    };
    return this.first.chain.push(input, onward);
  }
}

function formOf(frame: Frame): string {
  const { order, mask, nbChannels } = frame.channelLayout;
  return [frame.sampleRate, frame.format, order, mask, nbChannels].join();
}

function newFrame(): Frame {
  const frame = new Frame();
  frame.alloc();
  return frame;
}
