import type { DomainError } from "../errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";

export interface RateLimit {
  /** Takes one token for `key`. Error: TOO_MANY_REQUESTS with the time to wait. */
  take(key: string): Promise<void>;
}

export interface RateLimitOptions {
  /** So many at once, then so many a minute. */
  burst: number;
  perMinute: number;
}

/** A rate limit of this process, and how many keys it remembers. */
export interface LocalRateLimit extends RateLimit {
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
  const { burst, nowMs = Date.now } = options;
  const perMs = options.perMinute / 60_000;
  /** In the order of their use, the one that rests longest first. */
  const buckets = new Map<string, Bucket>();
  const shared = new Map<number, Bucket>();
  const filled = (bucket: Bucket, now: number) =>
    Math.min(burst, bucket.tokens + Math.max(0, now - bucket.atMs) * perMs);

  function bucketOf(key: string, now: number): Bucket {
    const known = buckets.get(key);
    if (known) {
      buckets.delete(key);
      buckets.set(key, known);
      return known;
    }
    const bucket = { tokens: burst, atMs: now };
    if (buckets.size >= maxBuckets) {
      const [restingKey, resting] = buckets.entries().next().value!;
      if (filled(resting, now) < burst) {
        const place = hashOf(key) % sharedBuckets;
        if (!shared.has(place)) shared.set(place, bucket);
        return shared.get(place)!;
      }
      buckets.delete(restingKey);
    }
    buckets.set(key, bucket);
    return bucket;
  }

  return {
    async take(key) {
      const now = nowMs();
      const bucket = bucketOf(key, now);
      bucket.tokens = filled(bucket, now);
      bucket.atMs = now;
      if (bucket.tokens < 1) throw tooMany(Math.ceil((1 - bucket.tokens) / perMs));
      bucket.tokens--;
    },
    keys: () => buckets.size + shared.size,
  };
}

/** For DOUYA_LIMITS=off. */
export const noRateLimit: RateLimit = { async take() {} };

/** FNV-1a. */
function hashOf(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
  return hash;
}

function tooMany(retryAfterMs: number): DomainError {
  const seconds = Math.ceil(retryAfterMs / 1000);
  return refusal("TOO_MANY_REQUESTS", { seconds }, retryAfterMs);
}
