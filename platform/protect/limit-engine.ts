import type { GuessLimit, GuessLimitOptions } from "./guess-limit.ts";
import type { RateLimit, RateLimitOptions } from "./rate-limit.ts";

/** Makes limits, and counts for them somewhere. */
export interface LimitEngine {
  rateLimit(name: string, options: RateLimitOptions): RateLimit & Counted;
  guessLimit(name: string, options: GuessLimitOptions): GuessLimit & Counted;
}

interface Counted {
  /** How many keys this process remembers. */
  keys(): number;
}
