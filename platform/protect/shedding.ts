import { fnv1a } from "../hash/fnv1a.ts";

/** Overloaded is who lets requests wait longer than this on average. */
const overloadedMs = 20;
/**
 * A loop that reads a thousand connections in one turn is late by that alone, and would be, whatever is let in: late is
 * only what is late by so many times as much.
 */
const loopTolerance = 3;
const windowMs = 250;
/** So many windows in a row say that it is no burst. */
const windowsUntilOverloaded = 4;
/** Who is asked less than this in a window is slowed by something else, and would not get faster. */
const leastAsked = 20;
/** What waiting in vain counts for, however soon it is ended. */
const vainMs = 200;
/** How long a refusal is held at most: who asks again as soon as it comes would ask for nothing else. */
const maxHoldMs = 500;
/** What the process could do is believed for some seconds, a little less with each window. */
const forgetting = 0.97;
/** Classes of people within a priority. */
const classes = 128;
export const ranks = 3 * classes;
const hourMs = 3_600_000;

/** The rank of what somebody asks: the same in every process. What is below the line of a process is turned away there. */
export function rankOf(priority: number, asker: string): number {
  return priority * classes + classOf(asker);
}

/**
 * Which requests are turned away under overload, after WeChat's DAGOR: each has a rank by its priority and then by its
 * asker, and what is below the line is turned away. After each window the line is drawn where, of what was asked in
 * it, as much is above as was completed; when waits are short again, a little more.
 */
export class Shedding {
  private readonly nowMs: () => number;
  private readonly loopDelayMs: () => number;
  private readonly callersShed: boolean;
  /** Requests by rank in this window, those that were turned away too. */
  private readonly asked = new Uint32Array(ranks);
  private line = 0;
  private windowEndsMs: number;
  private slowWindows = 0;
  /** Windows in a row in which waits were short. */
  private calmWindows = 0;
  private waits = 0;
  private waitedMs = 0;
  private done = 0;
  private turnedAway = 0;
  private expired = 0;
  private lastShare = 0;
  /** The most that was completed in a window lately. */
  private best = 0;
  private holdMs = 0;

  /** `callersShed`: callers know the line, and hardly ask for what is below it. */
  constructor(nowMs: () => number, loopDelayMs: () => number, callersShed = false) {
    this.nowMs = nowMs;
    this.loopDelayMs = loopDelayMs;
    this.callersShed = callersShed;
    this.windowEndsMs = nowMs() + windowMs;
  }

  /** Whether a request may go on. */
  admits(priority: number, asker: string): boolean {
    if (this.nowMs() >= this.windowEndsMs) this.endWindow();
    const rank = rankOf(priority, asker);
    this.asked[rank]!++;
    const admitted = rank >= this.line;
    if (!admitted) this.turnedAway++;
    return admitted;
  }

  waited(ms: number): void {
    this.waits++;
    this.waitedMs += ms;
  }

  /** A request was turned away although the line let it through: it waited in vain, or there was no room to wait. */
  waitedInVain(): void {
    this.waited(vainMs);
    this.expired++;
  }

  completed(): void {
    this.done++;
  }

  /** What is below it is turned away. */
  currentLine(): number {
    return this.line;
  }

  /** How long to hold refusals, so that turning away takes little of what it is to save. */
  hold(): number {
    return this.holdMs;
  }

  share(): number {
    return this.lastShare;
  }

  private endWindow(): void {
    const total = this.asked.reduce((sum, count) => sum + count, 0);
    const meanMs = Math.max(
      this.waits === 0 ? 0 : this.waitedMs / this.waits,
      this.loopDelayMs() / loopTolerance,
    );
    // After a pause of the whole process, what was in flight says nothing of now.
    const stale = this.nowMs() - this.windowEndsMs > 4 * windowMs;
    this.best = Math.max(this.done, stale ? 0 : forgetting * this.best);
    const slow = !stale && total >= leastAsked && meanMs > overloadedMs;
    this.slowWindows = slow ? this.slowWindows + 1 : 0;
    this.calmWindows = slow ? 0 : this.calmWindows + 1;
    if (stale) this.line = 0;
    else if (this.slowWindows >= windowsUntilOverloaded || (slow && this.line > 0)) {
      // Where nothing is done at all, turning people away helps nobody. Not ever less: who turns away ever more is
      // kept busy by that.
      if (this.done > 0) this.raise(this.lineFor(Math.max(0.9 * this.done, 0.8 * this.best)));
    } else if (!slow && this.line > 0) this.lower(total - this.turnedAway);
    if (this.turnedAway + this.expired > this.done / 2)
      this.holdMs = Math.min(maxHoldMs, 2 * this.holdMs + 50);
    else this.holdMs = this.holdMs < 1 ? 0 : 0.9 * this.holdMs;
    this.lastShare = total === 0 ? 0 : this.turnedAway / total;
    this.asked.fill(0);
    this.waits = 0;
    this.waitedMs = 0;
    this.done = 0;
    this.turnedAway = 0;
    this.expired = 0;
    this.windowEndsMs = this.nowMs() + windowMs;
  }

  /** Where callers shed, what they did not ask for is missing in what was asked: no line can be found below the present one. */
  private raise(wanted: number): void {
    this.line = this.callersShed ? Math.max(this.line, wanted) : wanted;
  }

  /** Lets a little more in; ever more the longer it goes well, so that an overload that is over is over for all. */
  private lower(admitted: number): void {
    const step = 2 ** Math.max(0, Math.min(this.calmWindows - 4, 9));
    const found = this.lineFor(Math.max(1.02 * admitted + 1, 0.9 * this.best));
    this.line = Math.max(0, Math.min(this.line - step, this.callersShed ? ranks : found));
  }

  /** The lowest line above which no more than `wanted` requests of the window are. */
  private lineFor(wanted: number): number {
    let above = 0;
    for (let rank = ranks - 1; rank >= 0; rank--) {
      above += this.asked[rank]!;
      if (above > wanted) return Math.min(rank + 1, ranks - 1);
    }
    return 0;
  }
}

/** Changes every hour, so that nobody is turned away for longer. */
function classOf(asker: string): number {
  return fnv1a(`${Math.floor(Date.now() / hourMs)} ${asker}`) % classes;
}
