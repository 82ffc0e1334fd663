import type { DomainError } from "../errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";

export interface FairQueue {
  /**
   * Runs `work` when it is the turn of `key`. Errors: TOO_MANY_REQUESTS when the key's own line is full, BUSY when
   * that of all is or the turn has not come in time, and the signal's reason when it fires while waiting.
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

/** A bulkhead around something expensive in which keys take turns, so that who asks for much waits for itself. */
export function fairQueue(options: FairQueueOptions): FairQueue {
  /** In the order of their next turns. */
  const lines = new Map<string, (() => void)[]>();
  const running = new Map<string, number>();
  let runningInAll = 0;
  let waiting = 0;

  const runningOf = (key: string) => running.get(key) ?? 0;
  const hasRoom = (key: string) => runningInAll < options.concurrency && runningOf(key) < options.perKey;

  function enter(key: string): void {
    runningInAll++;
    running.set(key, runningOf(key) + 1);
  }

  function leave(key: string): void {
    runningInAll--;
    if (runningOf(key) > 1) running.set(key, runningOf(key) - 1);
    else running.delete(key);
    // Whoever has just had a turn comes after the others.
    const own = lines.get(key);
    if (own && lines.delete(key)) lines.set(key, own);
    for (const [next, line] of lines) {
      if (!hasRoom(next)) continue;
      lines.delete(next);
      const [admit, ...rest] = line;
      if (rest.length > 0) lines.set(next, rest);
      enter(next);
      admit!();
    }
  }

  async function turn(key: string, signal: AbortSignal): Promise<void> {
    if (!lines.has(key) && hasRoom(key)) return enter(key);
    const line = lines.get(key) ?? [];
    if (line.length >= options.maxWaitingPerKey) throw tooMany();
    if (waiting >= options.maxWaiting) throw busy();
    waiting++;
    try {
      await new Promise<void>((resolve, reject) => {
        const stop = (reason: unknown) => {
          end();
          const others = (lines.get(key) ?? []).filter((other) => other !== admit);
          if (others.length > 0) lines.set(key, others);
          else lines.delete(key);
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
        lines.set(key, [...line, admit]);
      });
    } finally {
      waiting--;
    }
  }

  return {
    async run(key, signal, work) {
      signal.throwIfAborted();
      await turn(key, signal);
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
