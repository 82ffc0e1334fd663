import { LRUCache } from "lru-cache";
import { atMost } from "../cache/at-most.ts";
import type { DomainError } from "../errors/domain-error.ts";

/** Wrong guesses; some are forgotten with every hour. */
export interface Guesses {
  level: number;
  /** Of the last one, Unix milliseconds. */
  atMs: number;
}

export interface GuessLimit {
  /**
   * Takes one guess at `key`, before anybody knows whether it is right, so that many at once are counted as well. What
   * was `stored` counts where it is more than is remembered. Error: the limit's own, with the time to wait. While an
   * engine that counts for several processes cannot be reached, each of them counts for itself.
   */
  take(key: string, stored?: Guesses): Promise<Guess>;
}

export interface GuessLimitOptions {
  /** So many wrong guesses are free. */
  burst: number;
  tooMany(waitMs: number): DomainError;
}

/** A guess limit of this process, and how many keys it remembers. */
export interface LocalGuessLimit extends GuessLimit {
  keys(): number;
}

export interface Guess {
  /** Settles like `verdict`: false counts; true does not, and neither does an error, which says nothing of the guess. */
  judge(verdict: Promise<boolean>): Promise<boolean>;
  /** All that count by now. */
  guesses(): Guesses;
}

export const firstWaitMs = 60_000;
export const forgottenPerMs = 4 / 3_600_000;

/**
 * `burst` guesses, then each waits twice as long as the one before: 1 minute, 2, 4 … As four are forgotten every hour,
 * whoever goes on and on gets no more than those. Memory is bounded: of more than 50,000 keys the ones not seen for
 * longest are forgotten.
 */
export function guessLimit(options: GuessLimitOptions & { nowMs?: () => number }): LocalGuessLimit {
  const { burst, tooMany, nowMs = Date.now } = options;
  /** `open` ones are not judged yet. */
  const remembered = new LRUCache<string, Guesses & { open: number }>(atMost(50_000));
  const levelOf = ({ level, atMs }: Guesses, now: number) =>
    Math.max(0, level - Math.max(0, now - atMs) * forgottenPerMs);
  return {
    async take(key, stored) {
      const now = nowMs();
      const known = remembered.get(key) ?? { level: 0, atMs: 0, open: 0 };
      if (stored && levelOf(stored, now) > levelOf(known, now)) Object.assign(known, stored);
      // A guess that is half forgotten still counts as one.
      const beyond = Math.round(levelOf(known, now) + known.open) - burst;
      if (beyond >= 0) {
        const lastMs = known.open > 0 ? now : known.atMs;
        const waitMs = lastMs + firstWaitMs * 2 ** beyond - now;
        if (waitMs > 0) throw tooMany(waitMs);
      }
      known.open++;
      remembered.set(key, known);
      const judge = async (verdict: Promise<boolean>) => {
        try {
          const right = await verdict;
          if (!right) {
            const judgedMs = nowMs();
            Object.assign(known, { level: levelOf(known, judgedMs) + 1, atMs: judgedMs });
          }
          return right;
        } finally {
          known.open--;
        }
      };
      return { judge, guesses: () => ({ level: known.level, atMs: known.atMs }) };
    },
    keys: () => remembered.size,
  };
}

/** For DOUYA_LIMITS=off. */
export const noGuessLimit: GuessLimit = {
  take: async () => ({ judge: (verdict) => verdict, guesses: () => ({ level: 0, atMs: 0 }) }),
};
