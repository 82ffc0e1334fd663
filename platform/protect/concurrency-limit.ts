import { refusal } from "../errors/reasons.ts";

export interface ConcurrencyLimit {
  /** Takes places of `key`, or one; the answer gives them back, once. Error: TOO_MANY_REQUESTS. */
  enter(key: string, places?: number): Promise<() => void>;
}

export interface ConcurrencyLimitOptions {
  max: number;
  retryAfterMs: number;
}

/** A concurrency limit of this process, and how many keys have places. */
export interface LocalConcurrencyLimit extends ConcurrencyLimit {
  keys(): number;
}

/** At most `max` places at once for each key; who is refused is told to come back after `retryAfterMs`. */
export function concurrencyLimit(options: ConcurrencyLimitOptions): LocalConcurrencyLimit {
  const taken = new Map<string, number>();
  return {
    async enter(key, places = 1) {
      const count = taken.get(key) ?? 0;
      if (count + places > options.max)
        throw refusal(
          "TOO_MANY_REQUESTS",
          `Too many at once. Try again in ${Math.ceil(options.retryAfterMs / 1000)} s.`,
          options.retryAfterMs,
        );
      taken.set(key, count + places);
      let inside = true;
      return () => {
        if (!inside) return;
        inside = false;
        const left = taken.get(key)! - places;
        if (left > 0) taken.set(key, left);
        else taken.delete(key);
      };
    },
    keys: () => taken.size,
  };
}
