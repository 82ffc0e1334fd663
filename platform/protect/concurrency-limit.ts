import { DomainError } from "../errors/domain-error.ts";

export interface ConcurrencyLimit {
  /** Takes one place of `key`; the answer gives it back, once. Error: TOO_MANY_REQUESTS. */
  enter(key: string): () => void;
}

/** At most `max` at once for each key; who is refused is told to come back after `retryAfterMs`. */
export function concurrencyLimit(options: { max: number; retryAfterMs: number }): ConcurrencyLimit {
  const taken = new Map<string, number>();
  return {
    enter(key) {
      const count = taken.get(key) ?? 0;
      if (count >= options.max)
        throw new DomainError(
          "exhausted",
          "TOO_MANY_REQUESTS",
          `Too many at once. Try again in ${Math.ceil(options.retryAfterMs / 1000)} s.`,
          options.retryAfterMs,
        );
      taken.set(key, count + 1);
      let inside = true;
      return () => {
        if (!inside) return;
        inside = false;
        const left = taken.get(key)! - 1;
        if (left > 0) taken.set(key, left);
        else taken.delete(key);
      };
    },
  };
}
