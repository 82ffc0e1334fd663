import { refusal } from "../errors/reasons.ts";

export interface BoundedQueue {
  /**
   * Runs `work` when there is a place. Error: BUSY with the time to wait. Refuses at once if the queue is full, or so
   * long that the wait would take more than half of the time until `deadlineMs` (Unix milliseconds), since the machine
   * may get slower meanwhile. Refuses after the wait if less time is left than one takes.
   */
  run<T>(work: () => Promise<T>, deadlineMs: number): Promise<T>;
  /** How many wait, for the metrics. */
  waiting(): number;
}

export interface BoundedQueueOptions {
  concurrency: number;
  maxWaiting: number;
  /** The assumed duration of one, until it has been measured. */
  typicalMs: number;
}

/** A bulkhead around something expensive: at most `concurrency` at once, and `maxWaiting` in the queue. */
export function boundedQueue(options: BoundedQueueOptions): BoundedQueue {
  const { concurrency, maxWaiting } = options;
  const queue: (() => void)[] = [];
  let running = 0;
  let averageMs = options.typicalMs;
  /** An extreme duration, as after a suspend, says little about the next one. */
  const learn = (tookMs: number) => {
    const mostMs = 10 * Math.max(averageMs, options.typicalMs);
    averageMs += (Math.min(tookMs, mostMs) - averageMs) * 0.1;
  };
  /** The expected time until a new one would be done. */
  const expectedMs = () => ((queue.length + 1) / concurrency + 1) * averageMs;
  const busy = () => {
    const retryAfterMs = Math.max(1000, Math.ceil(expectedMs()));
    return refusal("BUSY", undefined, retryAfterMs);
  };
  return {
    async run(work, deadlineMs) {
      const waits = running >= concurrency;
      if (waits) {
        if (queue.length >= maxWaiting || expectedMs() > (deadlineMs - Date.now()) / 2) throw busy();
        // A finished one passes its place on, so `running` does not change.
        await new Promise<void>((resolve) => queue.push(resolve));
      } else running++;
      try {
        // One that did not wait always runs: otherwise the average might never be corrected.
        if (Date.now() + (waits ? averageMs : 0) > deadlineMs) throw busy();
        const startedMs = performance.now();
        const result = await work();
        learn(performance.now() - startedMs);
        return result;
      } finally {
        const next = queue.shift();
        if (next) next();
        else running--;
      }
    },
    waiting: () => queue.length,
  };
}
