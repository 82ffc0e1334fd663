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
}
