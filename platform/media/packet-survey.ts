/**
 * What a walk over all packets shows about a stream, without decoding: its real duration, whatever the header says,
 * and whether its packets can be copied.
 */
export interface StreamSpan {
  index: number;
  /** Parts with a clock of their own, in file order. None: the stream shows nothing. */
  parts: ClockPart[];
  packets: number;
  hiddenPackets: number;
  /** Sum of the packets' durations, and of the hidden ones among them (edit list). */
  shownMs: number;
  hiddenMs: number;
  /** The decoder's settings do not change, and no byte is used twice. */
  uniform: boolean;
}

interface ClockPart {
  startMs: number;
  endMs: number;
  /** Relative to the clock of the part before it; negative: it starts again. */
  stepMs: number;
}

/** One packet, as demuxers report it. Times are in seconds, null if unknown. */
export interface SurveyedPacket {
  stream: number;
  pts: number | null;
  dts: number | null;
  duration: number;
  /** In the file, -1 if unknown. */
  position: number;
  size: number;
  discarded: boolean;
  corrupt: boolean;
  newSettings: boolean;
}

export interface SurveyOptions {
  /** Packets that end after this are not counted. */
  wholeBytes: number | null;
  /** Negative times are hidden, as in MP4; other clocks may start anywhere. */
  startsAtZero: boolean;
}

/** A clock that goes back by more than this has been restarted. */
const RESTART_SECONDS = 0.1;
/** A step longer than this, and than this many usual ones, may be a jump. FFmpeg's own limit. */
const JUMP_SECONDS = 10;
const JUMP_STEPS = 100;
/** More parts than any recording has; later ones are not told apart. */
const MAX_PARTS = 10_000;
const NOTHING_SECONDS = 1e-6;
/** More pictures than decoders hold back. */
const REORDERED_SECONDS = 0.5;

export class PacketSurvey {
  private readonly options: SurveyOptions;
  private readonly streams = new Map<number, StreamSurvey>();

  constructor(options: SurveyOptions) {
    this.options = options;
  }

  add(packet: SurveyedPacket): void {
    const { wholeBytes } = this.options;
    if (wholeBytes !== null && packet.position >= 0 && packet.position + packet.size > wholeBytes) return;
    if (packet.corrupt) return;
    const stream = this.streams.get(packet.stream) ?? new StreamSurvey(packet.stream);
    this.streams.set(packet.stream, stream);
    stream.add(packet, this.options.startsAtZero);
  }

  result(): StreamSpan[] {
    return [...this.streams.values()].map((stream) => stream.result());
  }
}

interface OpenPart {
  start: number;
  end: number;
  step: number;
  /** The decoding clock: where it starts, where its last packet ends, and how many steps it took. */
  first: number;
  last: number;
  steps: number;
  /** The latest picture starts there. */
  latest: number;
}

/**
 * A packet lasts until the next one is decoded. With reordered pictures and a variable rate, a long one may seem to
 * reach far beyond the end: then the decoding clock is more exact.
 */
function endOf({ start, end, first, last, latest }: OpenPart): number {
  const decoded = Math.max(latest, last + start - first);
  return end - decoded > REORDERED_SECONDS ? decoded : end;
}

class StreamSurvey {
  private readonly index: number;
  private readonly parts: OpenPart[] = [];
  private packets = 0;
  private hiddenPackets = 0;
  private shown = 0;
  private hidden = 0;
  private uniform = true;
  private lastClock = 0;
  private lastStep = 0;
  private lastPosition = -1;

  constructor(index: number) {
    this.index = index;
  }

  add(packet: SurveyedPacket, startsAtZero: boolean): void {
    if (packet.newSettings) this.uniform = false;
    if (startsAtZero && packet.position >= 0) {
      if (packet.position <= this.lastPosition) this.uniform = false;
      this.lastPosition = packet.position;
    }
    const from = packet.pts ?? packet.dts ?? this.parts.at(-1)?.end ?? 0;
    const ends = from + packet.duration;
    const at = startsAtZero ? Math.max(0, from) : from;
    if (packet.discarded || (startsAtZero && from < -NOTHING_SECONDS && ends <= NOTHING_SECONDS)) {
      this.hidden += packet.duration;
      this.hiddenPackets += 1;
      return;
    }
    this.packets += 1;
    this.shown += packet.duration;
    const clock = packet.dts ?? at;
    const part = this.parts.at(-1);
    const step = clock - this.lastClock;
    if (!part || (this.parts.length < MAX_PARTS && this.breaks(part, step)))
      this.parts.push({
        ...{ start: at, end: ends, latest: at, step: part ? step : 0 },
        ...{ first: clock, last: clock + packet.duration, steps: 0 },
      });
    else {
      part.start = Math.min(part.start, at);
      part.end = Math.max(part.end, packet.duration > 0 ? ends : at + Math.max(0, step));
      part.latest = Math.max(part.latest, at);
      part.last = clock + packet.duration;
      part.steps += 1;
      this.lastStep = step;
    }
    this.lastClock = clock;
  }

  private breaks(part: { first: number; steps: number }, step: number): boolean {
    if (step < -RESTART_SECONDS) return true;
    const usual = part.steps > 0 ? (this.lastClock - part.first) / part.steps : Math.abs(this.lastStep);
    return step > JUMP_SECONDS && usual > 0 && step > JUMP_STEPS * usual;
  }

  result(): StreamSpan {
    const ms = (seconds: number) => seconds * 1000;
    return {
      index: this.index,
      parts: this.parts.map((part) => ({
        startMs: ms(part.start),
        endMs: ms(endOf(part)),
        stepMs: ms(part.step),
      })),
      packets: this.packets,
      hiddenPackets: this.hiddenPackets,
      shownMs: ms(this.shown),
      hiddenMs: ms(this.hidden),
      uniform: this.uniform,
    };
  }
}
