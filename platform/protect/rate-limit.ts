import type { DomainError } from "../errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";
import { fnv1a } from "../hash/fnv1a.ts";

export interface RateLimit {
  /**
   * Takes one token for `key`. Error: TOO_MANY_REQUESTS with the time to wait. While an engine that counts for several
   * processes cannot be reached, each of them goes on with its share.
   */
  take(key: string): Promise<void>;
}

/** So many at once, then so many a minute. They may change while the limit counts. */
export interface RateLimitOptions {
  readonly burst: number;
  readonly perMinute: number;
}

/** A rate limit of this process, and how many keys it remembers. */
export interface LocalRateLimit extends RateLimit {
  /** Takes several tokens at once where the limit is shared with others. */
  take(key: string, tokens?: number): Promise<void>;
  keys(): number;
}

interface Bucket {
  tokens: number;
  atMs: number;
}

/** Keys that have a bucket of their own. */
const maxBuckets = 50_000;
/** Buckets that new keys share while every own bucket is in use. */
const sharedBuckets = 1_024;

/**
 * Token buckets: `burst` at once, then `perMinute`. Memory is bounded, and ever new keys reset nobody: only a bucket
 * that has filled up again is forgotten, which changes nothing; while there is none, new keys share buckets.
 */
export function rateLimit(options: RateLimitOptions & { nowMs?: () => number }): LocalRateLimit {
  const { nowMs = Date.now } = options;
  /** In the order of their use, the one that rests longest first. */
  const buckets = new Map<string, Bucket>();
  const shared = new Map<number, Bucket>();
  const filled = (bucket: Bucket, now: number) =>
    Math.min(options.burst, bucket.tokens + Math.max(0, now - bucket.atMs) * perMsOf(options));

  function bucketOf(key: string, now: number): Bucket {
    const known = buckets.get(key);
    if (known) {
      buckets.delete(key);
      buckets.set(key, known);
      return known;
    }
    const bucket = { tokens: options.burst, atMs: now };
    if (buckets.size >= maxBuckets) {
      const [restingKey, resting] = buckets.entries().next().value!;
      if (filled(resting, now) < options.burst) {
        const place = fnv1a(key) % sharedBuckets;
        if (!shared.has(place)) shared.set(place, bucket);
        return shared.get(place)!;
      }
      buckets.delete(restingKey);
    }
    buckets.set(key, bucket);
    return bucket;
  }

  return {
    async take(key, tokens = 1) {
      const now = nowMs();
      const bucket = bucketOf(key, now);
      bucket.tokens = filled(bucket, now);
      bucket.atMs = now;
      if (bucket.tokens < tokens) throw tooMany(Math.ceil((tokens - bucket.tokens) / perMsOf(options)));
      bucket.tokens -= tokens;
    },
    keys: () => buckets.size + shared.size,
  };
}

export const perMsOf = ({ perMinute }: RateLimitOptions): number => perMinute / 60_000;

/** For DOUYA_LIMITS=off. */
export const noRateLimit: RateLimit = { async take() {} };

export function tooMany(retryAfterMs: number): DomainError {
  const seconds = Math.ceil(retryAfterMs / 1000);
  return refusal("TOO_MANY_REQUESTS", { seconds }, retryAfterMs);
}
