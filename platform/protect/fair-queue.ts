import type { DomainError } from "../errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";

export interface FairQueue {
  /**
   * Runs `work` when there is a place for `key`. Errors: TOO_MANY_REQUESTS if the key's own queue is full, BUSY if that
   * of all keys is or the wait was too long, and the signal's reason if it fires while waiting.
   */
  run<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T>;
  /** How many wait, for the metrics. */
  waiting(): number;
}

export interface FairQueueOptions {
  /** How many run at once, in all and of one key. */
  concurrency: number;
  perKey: number;
  /** How many wait, in all and of one key. */
  maxWaiting: number;
  maxWaitingPerKey: number;
  maxWaitMs: number;
}

/** A bulkhead around something expensive. Keys are served round robin, so that one with many requests delays only itself. */
export function fairQueue(options: FairQueueOptions): FairQueue {
  /** In the order in which keys are served next. */
  const queues = new Map<string, (() => void)[]>();
  const running = new Map<string, number>();
  let runningInAll = 0;
  let waiting = 0;

  const runningOf = (key: string) => running.get(key) ?? 0;
  const hasRoom = (key: string) => runningInAll < options.concurrency && runningOf(key) < options.perKey;

  function start(key: string): void {
    runningInAll++;
    running.set(key, runningOf(key) + 1);
  }

  function leave(key: string): void {
    runningInAll--;
    if (runningOf(key) > 1) running.set(key, runningOf(key) - 1);
    else running.delete(key);
    // A key that was just served comes after the others.
    const own = queues.get(key);
    if (own && queues.delete(key)) queues.set(key, own);
    for (const [next, queue] of queues) {
      if (!hasRoom(next)) continue;
      queues.delete(next);
      const [admit, ...rest] = queue;
      if (rest.length > 0) queues.set(next, rest);
      start(next);
      admit!();
    }
  }

  async function acquire(key: string, signal: AbortSignal): Promise<void> {
    if (!queues.has(key) && hasRoom(key)) return start(key);
    const queue = queues.get(key) ?? [];
    if (queue.length >= options.maxWaitingPerKey) throw tooMany();
    if (waiting >= options.maxWaiting) throw busy();
    waiting++;
    try {
      await new Promise<void>((resolve, reject) => {
        const stop = (reason: unknown) => {
          end();
          const others = (queues.get(key) ?? []).filter((other) => other !== admit);
          if (others.length > 0) queues.set(key, others);
          else queues.delete(key);
          reject(reason);
        };
        const onAbort = () => stop(signal.reason);
        const timer = setTimeout(() => stop(busy()), options.maxWaitMs);
        const end = () => {
          clearTimeout(timer);
          signal.removeEventListener("abort", onAbort);
        };
        const admit = () => {
          end();
          resolve();
        };
        signal.addEventListener("abort", onAbort, { once: true });
        queues.set(key, [...queue, admit]);
      });
    } finally {
      waiting--;
    }
  }

  return {
    async run(key, signal, work) {
      signal.throwIfAborted();
      await acquire(key, signal);
      try {
        return await work();
      } finally {
        leave(key);
      }
    },
    waiting: () => waiting,
  };
}

const retryAfterMs = 5_000;

function busy(): DomainError {
  return refusal("BUSY", undefined, retryAfterMs);
}

function tooMany(): DomainError {
  return refusal(
    "TOO_MANY_REQUESTS",
    "Too many of your files are being looked at. Wait for them, then try again.",
    retryAfterMs,
  );
}
