import { LRUCache } from "lru-cache";
import type { RedisClient } from "../../redis/redis-client.ts";
import { perMsOf, type RateLimit, type RateLimitOptions, rateLimit, tooMany } from "../rate-limit.ts";
import { takeTokens } from "./scripts.ts";

/** What this process has of the tokens of one key. */
interface Portion {
  tokens: number;
  /** How many were asked for last; it grows while they are used up quickly. */
  size: number;
  askedAtMs: number;
  /** Until then there is none for anybody. */
  emptyUntilMs: number;
  /** Resolves with whether Redis had an answer. */
  asking: Promise<boolean> | undefined;
  waiting: number;
}

const maxKeys = 50_000;
/** A key that is asked for again within this time gets a larger portion. */
const quicklyMs = 1_000;
/** Of a bucket, at most this share is with one process. */
const largestShare = 0.1;
/** Tokens that were not used for so long are given back. */
const unusedMs = 5_000;
/** That there is none is asked again after this: another process may have given some back. */
const believedMs = 1_000;

/**
 * Token buckets in Redis, of which each process has a portion: a busy key costs Redis one question for many tokens, and
 * across processes no more than a burst is taken at once. While Redis has no answer, each process goes on with its share
 * of the limit, by the number of `processes` that were there last.
 */
export function redisRateLimit(
  redis: RedisClient,
  keyOf: (key: string) => string,
  options: RateLimitOptions,
  processes: () => number,
): RateLimit & { keys(): number } {
  const portions = new LRUCache<string, Portion>({ max: maxKeys });
  const alone = rateLimit(options);

  async function ask(key: string, portion: Portion): Promise<boolean> {
    const now = performance.now();
    const isBusy = now - portion.askedAtMs < quicklyMs;
    const given = portion.tokens;
    const largest = Math.max(1, Math.floor(options.burst * largestShare));
    portion.size = isBusy ? Math.min(largest, portion.size * 2) : 1;
    portion.tokens = 0;
    portion.askedAtMs = now;
    const wanted = Math.max(portion.size, portion.waiting);
    const answer = await redis.run(takeTokens, keyOf(key), [options.burst, perMsOf(options), wanted, given]);
    portion.asking = undefined;
    if (!Array.isArray(answer)) return false;
    const [taken, waitMs] = answer.map(Number) as [number, number];
    portion.tokens = taken;
    portion.emptyUntilMs = taken === 0 ? performance.now() + waitMs : 0;
    return true;
  }

  return {
    async take(key) {
      let portion = portions.get(key);
      if (!portion) {
        portion = {
          tokens: 0,
          size: 1,
          askedAtMs: Number.NEGATIVE_INFINITY,
          emptyUntilMs: 0,
          asking: undefined,
          waiting: 0,
        };
        portions.set(key, portion);
      }
      for (;;) {
        const now = performance.now();
        const ageMs = now - portion.askedAtMs;
        if (now < portion.emptyUntilMs && ageMs < believedMs)
          throw tooMany(Math.ceil(portion.emptyUntilMs - now));
        if (portion.tokens > 0 && ageMs < unusedMs) {
          portion.tokens--;
          return;
        }
        portion.waiting++;
        portion.asking ??= ask(key, portion);
        const answered = await portion.asking;
        portion.waiting--;
        if (!answered) return alone.take(key, Math.min(options.burst, processes()));
      }
    },
    keys: () => portions.size,
  };
}
