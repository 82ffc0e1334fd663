import { DomainError } from "../errors/domain-error.ts";

export interface BoundedQueue {
  /**
   * Runs `work` when there is room. Error: BUSY with the time to wait, at once when the queue is full or so long
   * that it would take more than half of the time until `deadlineMs` (Unix milliseconds), since the machine may get
   * slower meanwhile; or when the turn comes and too little time is left, so that nobody would wait for the answer.
   */
  run<T>(work: () => Promise<T>, deadlineMs: number): Promise<T>;
  /** How many wait, for the metrics. */
  waiting(): number;
}

/** At most `concurrency` at once and `maxWaiting` in line: a bulkhead around something expensive. */
export function boundedQueue(options: {
  concurrency: number;
  maxWaiting: number;
  /** About how long one takes, until it has been measured. */
  typicalMs: number;
}): BoundedQueue {
  const { concurrency, maxWaiting } = options;
  const line: (() => void)[] = [];
  let running = 0;
  let averageMs = options.typicalMs;
  /** Until somebody who joins the line now would be done. */
  const expectedMs = () => ((line.length + 1) / concurrency + 1) * averageMs;
  const busy = () => {
    const retryAfterMs = Math.max(1000, Math.ceil(expectedMs()));
    return new DomainError(
      "exhausted",
      "BUSY",
      "Too many people at once. Try again in a moment.",
      retryAfterMs,
    );
  };
  return {
    async run(work, deadlineMs) {
      if (running >= concurrency) {
        if (line.length >= maxWaiting || expectedMs() > (deadlineMs - Date.now()) / 2) throw busy();
        // The one who finishes hands its place over, so `running` stays as it is.
        await new Promise<void>((resolve) => line.push(resolve));
      } else running++;
      const startedMs = Date.now();
      try {
        if (startedMs + averageMs > deadlineMs) throw busy();
        return await work();
      } finally {
        averageMs += (Date.now() - startedMs - averageMs) * 0.1;
        const next = line.shift();
        if (next) next();
        else running--;
      }
    },
    waiting: () => line.length,
  };
}
