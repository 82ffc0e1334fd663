import type { Source } from "../api/types.ts";
import { createWatchClock, type WatchClock } from "./watch-clock.ts";

/** Of what is shown, as much as is told of it. */
export interface Shown {
  id: string;
  /** 0: a post of pictures. */
  durationMs: number;
}

/** A token, and when it was there: its session has begun before. */
export interface PlayToken {
  token: string;
  sinceMs: number;
}

/** Films tell that they play four times a second. */
const LONGEST_MS = 2_000;
/** From where to where a film jumps when it begins anew. */
const LOOP_S = 0.8;
/** From here on it is a view. */
const ENOUGH_MS = 3_000;

/** A film that jumps no further while it is paused is where it was. */
const JUMP_S = 1;

/** One showing of a video: how long it was seen, and how far. */
export class Showing {
  readonly id: string;
  readonly from: Source;
  /** Null: none is given for this video. */
  token: PlayToken | null | undefined;
  /** It has left the screen. */
  isOver = false;
  /** There is something that was not told. */
  isNews = false;
  /** What was told last made it a view. */
  toldEnough = false;
  /** How often it was too much for the server. */
  refusals = 0;
  readonly #durationMs: number;
  readonly #now: () => number;
  readonly #clockMs: () => number;
  #clock: WatchClock;
  /** When it was seen last, by the clock of the device. */
  #seenAtMs = 0;
  #atS = 0;
  #loops = 0;
  #ended = false;
  #picture: number | undefined;

  constructor({ id, durationMs }: Shown, from: Source, now: () => number, clockMs: () => number) {
    this.id = id;
    this.from = from;
    this.#durationMs = durationMs;
    this.#now = now;
    this.#clockMs = clockMs;
    this.#clock = this.#newClock();
  }

  #newClock() {
    return createWatchClock(this.#now, this.#durationMs > 0 ? LONGEST_MS : Number.POSITIVE_INFINITY);
  }

  /** Its session is over: what is seen from now on belongs to another. */
  beginAnew(): void {
    const running = this.isRunning();
    this.token = undefined;
    this.toldEnough = false;
    this.#loops = 0;
    this.#clock = this.#newClock();
    this.#clock.run(running);
    this.isNews = running;
  }

  run(running: boolean): void {
    if (running || this.#clock.isRunning()) {
      this.isNews = true;
      this.#seenAtMs = this.#clockMs();
    }
    this.#clock.run(running);
  }

  isRunning = () => this.#clock.isRunning();

  /** Where the film is, in seconds. Films play in a loop, so their end is a jump to their beginning. */
  at(seconds: number, speed: number): void {
    const endS = this.#durationMs / 1000;
    const slackS = Math.min(LOOP_S * Math.max(1, speed), endS / 2);
    if (this.#clock.isRunning() && this.#atS > endS - slackS && seconds < slackS && seconds < this.#atS) {
      this.#loops++;
      this.#ended = true;
    }
    // Where one goes on may be chosen while it is paused.
    if (!this.#clock.isRunning() && Math.abs(seconds - this.#atS) > JUMP_S) {
      this.isNews = true;
      this.#seenAtMs = this.#clockMs();
    }
    this.#atS = seconds;
  }

  showsPicture(number: number, isLast: boolean): void {
    this.#picture = number;
    if (isLast) this.#ended = true;
  }

  /** Never more than the session can have taken. */
  watchedMs(): number {
    const seenMs = this.#clock.readMs();
    return this.token ? Math.round(Math.min(seenMs, this.#now() - this.token.sinceMs)) : 0;
  }

  /** How much longer it takes to be a view. */
  missingMs(): number {
    return Math.ceil(this.#enoughMs() - this.watchedMs());
  }

  /** How much longer its session must be there until it can be told that this was a view: it was seen before. */
  tooEarlyMs(): number {
    const seenMs = Math.min(this.#clock.readMs(), this.#enoughMs());
    return this.token ? Math.max(0, Math.ceil(seenMs - (this.#now() - this.token.sinceMs))) : 0;
  }

  #enoughMs(): number {
    return this.#durationMs > 0 ? Math.min(ENOUGH_MS, this.#durationMs / 2) : ENOUGH_MS;
  }

  /** Where one would go on; null after the end was seen. */
  leftAt() {
    return this.#ended ? null : this.#place();
  }

  #place() {
    return {
      positionMs: this.#durationMs > 0 ? Math.round(Math.min(this.#atS * 1000, this.#durationMs)) : 0,
      picture: this.#picture ?? null,
    };
  }

  /** What is told of it now. */
  entry(token: string) {
    // When it was so: what is told late is older than what was seen, or removed, elsewhere meanwhile.
    const at = this.isRunning() ? this.#clockMs() : this.#seenAtMs;
    const watchedMs = this.watchedMs();
    const durationMs = this.#durationMs;
    // Played faster, it begins anew more often than the time that it took allows.
    const mostLoops = durationMs > 0 ? Math.floor(watchedMs / durationMs) + 1 : 0;
    const { positionMs, picture } = this.#place();
    return {
      ...{ token, at, positionMs, watchedMs, loops: Math.min(this.#loops, mostLoops) },
      ...{ ended: this.#ended, from: this.from },
      ...(picture !== null && { picture }),
    };
  }
}

export type Entry = ReturnType<Showing["entry"]>;
