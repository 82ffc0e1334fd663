import type { Admission } from "./admission.ts";
import type { BoundedQueue, BoundedQueueOptions } from "./bounded-queue.ts";
import type { ConcurrencyLimit, ConcurrencyLimitOptions } from "./concurrency-limit.ts";
import type { FairQueue, FairQueueOptions } from "./fair-queue.ts";
import type { GuessLimit, GuessLimitOptions } from "./guess-limit.ts";
import type { RateLimit, RateLimitOptions } from "./rate-limit.ts";

/**
 * What a module is given to keep itself from being overrun. A limit belongs to its name: where processes share memory,
 * those of the same name count together.
 */
export interface Protection {
  /** `always`: stays on with DOUYA_LIMITS=off, because it bounds the work of one request and not how many come. */
  rateLimit(name: string, options: RateLimitOptions & { always?: boolean }): RateLimit;
  guessLimit(name: string, options: GuessLimitOptions): GuessLimit;
  concurrencyLimit(name: string, options: ConcurrencyLimitOptions): ConcurrencyLimit;
  /** Around what this process can do only so much of at once; how many wait is the gauge `douya_<name>`. */
  boundedQueue(name: string, options: BoundedQueueOptions & Gauged): BoundedQueue;
  /** The same, with keys that take turns. */
  fairQueue(name: string, options: FairQueueOptions & Gauged): FairQueue;
  /**
   * Around what is asked of this process, or of a part of it that is not to be held up by others. `callersShed`: see
   * `createAdmission`. With DOUYA_LIMITS=off everybody is let in.
   */
  admission(name: string, options?: { callersShed?: boolean }): Admission;
}

interface Gauged {
  /** Who waits, for the gauge. */
  help: string;
}
