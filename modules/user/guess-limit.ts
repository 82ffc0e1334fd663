import { LRUCache } from "lru-cache";
import { DomainError } from "#platform/errors/domain-error.ts";

/** Wrong passwords, of which some are forgotten with every hour. */
export interface Guesses {
  level: number;
  /** Of the last one, Unix milliseconds. */
  atMs: number;
}

export interface GuessLimit {
  /**
   * Takes one guess at `key`, before anybody knows whether it is right, so that many at once are counted as well. What
   * was `stored` counts where it is more than is remembered. Error: TOO_MANY_ATTEMPTS with the time to wait.
   */
  take(key: string, stored?: Guesses): Guess;
}

export interface Guess {
  /** It was right, and does not count. */
  giveBack(): void;
  guesses: Guesses;
}

const firstWaitMs = 60_000;
const forgottenPerMs = 4 / 3_600_000;

/**
 * `burst` guesses, then each waits twice as long as the one before: 1 minute, 2, 4 … As four are forgotten every hour,
 * whoever goes on and on gets no more than those. Memory is bounded: of more than 50,000 keys the ones not seen for
 * longest are forgotten.
 */
export function guessLimit(options: { burst: number; nowMs?: () => number }): GuessLimit {
  const nowMs = options.nowMs ?? Date.now;
  const remembered = new LRUCache<string, Guesses>({ max: 50_000 });
  return {
    take(key, stored) {
      const now = nowMs();
      const levelOf = (known?: Guesses) =>
        known ? Math.max(0, known.level - Math.max(0, now - known.atMs) * forgottenPerMs) : 0;
      const own = remembered.get(key);
      const before = levelOf(stored) > levelOf(own) ? stored : own;
      const level = levelOf(before);
      // A guess that is half forgotten still counts as one.
      const beyond = Math.round(level) - options.burst;
      if (before && beyond >= 0) {
        const waitMs = before.atMs + firstWaitMs * 2 ** beyond - now;
        if (waitMs > 0) throw tooMany(waitMs);
      }
      const guesses = { level: level + 1, atMs: now };
      remembered.set(key, guesses);
      return {
        guesses,
        giveBack() {
          const current = remembered.get(key);
          if (current) current.level = Math.max(0, current.level - 1);
        },
      };
    },
  };
}

/** For DOUYA_LIMITS=off. */
export const noGuessLimit: GuessLimit = {
  take: () => ({ guesses: { level: 0, atMs: 0 }, giveBack() {} }),
};

function tooMany(waitMs: number): DomainError {
  const minutes = Math.ceil(waitMs / 60_000);
  return new DomainError(
    "exhausted",
    "TOO_MANY_ATTEMPTS",
    `Too many wrong passwords. Try again in ${minutes} min, or from a device or network where you have logged in before.`,
    waitMs,
  );
}
