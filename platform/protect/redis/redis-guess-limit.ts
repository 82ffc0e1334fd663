import type { RedisClient } from "../../redis/redis-client.ts";
import {
  firstWaitMs,
  forgottenPerMs,
  type GuessLimit,
  type GuessLimitOptions,
  guessLimit,
} from "../guess-limit.ts";
import { closeGuess, openGuess } from "./scripts.ts";

/**
 * Guesses counted in Redis, each by itself: what they protect is worth a question. While Redis has no answer each process
 * counts for itself, and what was stored counts as always.
 */
export function redisGuessLimit(
  redis: RedisClient,
  keyOf: (key: string) => string,
  options: GuessLimitOptions,
): GuessLimit & { keys(): number } {
  const { burst, tooMany } = options;
  const alone = guessLimit(options);
  return {
    async take(key, stored = { level: 0, atMs: 0 }) {
      const args = [forgottenPerMs, burst, firstWaitMs, stored.level, Math.round(stored.atMs)];
      const answer = await redis.run(openGuess, keyOf(key), args);
      if (!Array.isArray(answer)) return alone.take(key, stored);
      const [mayGuess, waitMs] = answer.map(Number) as [number, number];
      if (mayGuess === 0) throw tooMany(waitMs);
      const known = { ...stored };
      const close = async (wrong: boolean) => {
        const closed = await redis.run(closeGuess, keyOf(key), [forgottenPerMs, wrong ? 1 : 0]);
        const [level, atMs] = Array.isArray(closed) ? closed.map(Number) : [known.level + 1, Date.now()];
        if (wrong) Object.assign(known, { level, atMs });
      };
      return {
        async judge(verdict) {
          let right = true;
          try {
            right = await verdict;
            return right;
          } finally {
            // Who guessed right waits for nothing.
            const closed = close(!right);
            if (!right) await closed;
          }
        },
        guesses: () => ({ ...known }),
      };
    },
    keys: alone.keys,
  };
}
