import { DomainError } from "../errors/domain-error.ts";

export interface BoundedQueue {
  /**
   * Runs `work` when there is room. Error: BUSY with the time to wait, at once when the queue is full, or when
   * the turn comes only after `deadlineMs` (Unix milliseconds), when nobody waits for the answer any more.
   */
  run<T>(work: () => Promise<T>, deadlineMs: number): Promise<T>;
  /** How many wait, for the metrics. */
  waiting(): number;
}

/** At most `concurrency` at once and `maxWaiting` in line: a bulkhead around something expensive. */
export function boundedQueue(options: {
  concurrency: number;
  maxWaiting: number;
  /** About how long one takes, for the hint when to come back. */
  typicalMs: number;
}): BoundedQueue {
  const { concurrency, maxWaiting, typicalMs } = options;
  const line: (() => void)[] = [];
  let running = 0;
  const retryAfterMs = Math.max(1000, Math.ceil((maxWaiting / concurrency) * typicalMs));
  const busy = () =>
    new DomainError("exhausted", "BUSY", "Too many people at once. Try again in a moment.", retryAfterMs);
  return {
    async run(work, deadlineMs) {
      if (running >= concurrency) {
        if (line.length >= maxWaiting) throw busy();
        // The one who finishes hands its place over, so `running` stays as it is.
        await new Promise<void>((resolve) => line.push(resolve));
      } else running++;
      try {
        if (Date.now() > deadlineMs) throw busy();
        return await work();
      } finally {
        const next = line.shift();
        if (next) next();
        else running--;
      }
    },
    waiting: () => line.length,
  };
}
