import { LRUCache } from "lru-cache";
import { DomainError } from "../errors/domain-error.ts";

export interface RateLimit {
  /** Takes one token for `key`. Error: TOO_MANY_REQUESTS with the time to wait. */
  take(key: string): void;
}

/**
 * Token buckets: `burst` at once, then `perMinute`. Memory is bounded: of more than 50,000 keys the ones not
 * seen for longest start afresh.
 */
export function rateLimit(options: { burst: number; perMinute: number; nowMs?: () => number }): RateLimit {
  const nowMs = options.nowMs ?? Date.now;
  const perMs = options.perMinute / 60_000;
  const buckets = new LRUCache<string, { tokens: number; atMs: number }>({ max: 50_000 });
  return {
    take(key) {
      const now = nowMs();
      const bucket = buckets.get(key) ?? { tokens: options.burst, atMs: now };
      bucket.tokens = Math.min(options.burst, bucket.tokens + Math.max(0, now - bucket.atMs) * perMs);
      bucket.atMs = now;
      buckets.set(key, bucket);
      if (bucket.tokens < 1) throw tooMany(Math.ceil((1 - bucket.tokens) / perMs));
      bucket.tokens--;
    },
  };
}

/** For DOUYA_LIMITS=off. */
export const noRateLimit: RateLimit = { take() {} };

function tooMany(retryAfterMs: number): DomainError {
  const seconds = Math.ceil(retryAfterMs / 1000);
  return new DomainError(
    "exhausted",
    "TOO_MANY_REQUESTS",
    `Too many requests. Try again in ${seconds} s.`,
    retryAfterMs,
  );
}
