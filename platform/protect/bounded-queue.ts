import { refusal } from "../errors/reasons.ts";

export interface BoundedQueue {
  /**
   * Runs `work` when there is room. Error: BUSY with the time to wait, at once when the queue is full or so long
   * that it would take more than half of the time until `deadlineMs` (Unix milliseconds), since the machine may get
   * slower meanwhile; or when too little is left once the turn comes, so that nobody would wait for the
   * answer: after standing in line, less than one takes; otherwise nothing.
   */
  run<T>(work: () => Promise<T>, deadlineMs: number): Promise<T>;
  /** How many wait, for the metrics. */
  waiting(): number;
}

export interface BoundedQueueOptions {
  concurrency: number;
  maxWaiting: number;
  /** About how long one takes, until it has been measured. */
  typicalMs: number;
}

/** At most `concurrency` at once and `maxWaiting` in line: a bulkhead around something expensive. */
export function boundedQueue(options: BoundedQueueOptions): BoundedQueue {
  const { concurrency, maxWaiting } = options;
  const line: (() => void)[] = [];
  let running = 0;
  let averageMs = options.typicalMs;
  /** One that took ages, as when the machine was suspended, says little about the next. */
  const learn = (tookMs: number) => {
    const mostMs = 10 * Math.max(averageMs, options.typicalMs);
    averageMs += (Math.min(tookMs, mostMs) - averageMs) * 0.1;
  };
  /** Until somebody who joins the line now would be done. */
  const expectedMs = () => ((line.length + 1) / concurrency + 1) * averageMs;
  const busy = () => {
    const retryAfterMs = Math.max(1000, Math.ceil(expectedMs()));
    return refusal("BUSY", undefined, retryAfterMs);
  };
  return {
    async run(work, deadlineMs) {
      const waits = running >= concurrency;
      if (waits) {
        if (line.length >= maxWaiting || expectedMs() > (deadlineMs - Date.now()) / 2) throw busy();
        // The one who finishes hands its place over, so `running` stays as it is.
        await new Promise<void>((resolve) => line.push(resolve));
      } else running++;
      try {
        // Who did not wait is let in whatever was measured: otherwise nothing might ever be measured anew.
        if (Date.now() + (waits ? averageMs : 0) > deadlineMs) throw busy();
        const startedMs = performance.now();
        const result = await work();
        learn(performance.now() - startedMs);
        return result;
      } finally {
        const next = line.shift();
        if (next) next();
        else running--;
      }
    },
    waiting: () => line.length,
  };
}
