import type { PlayToken } from "./showing.ts";

/** A session begins when its token is given, so that one is not kept for long. */
const FRESH_MS = 30 * 60_000;
const MAX = 90;

/** Tokens for videos that may be watched soon, one for the next showing of each. Null: there is none to be had. */
export function createTokenStock(now: () => number, clockMs: () => number) {
  const stock = new Map<string, { token: string | null; sinceMs: number; sinceClockMs: number }>();
  const fresh = (id: string) => {
    const found = stock.get(id);
    if (!found) return undefined;
    // While a device sleeps only the one goes on, and the other may be set.
    const ageMs = Math.max(now() - found.sinceMs, clockMs() - found.sinceClockMs);
    return ageMs < FRESH_MS ? found : undefined;
  };
  return {
    has: (id: string) => fresh(id) !== undefined,
    add(id: string, token: string | null) {
      stock.delete(id);
      stock.set(id, { token, sinceMs: now(), sinceClockMs: clockMs() });
      for (const oldest of stock.keys()) {
        if (stock.size <= MAX) break;
        stock.delete(oldest);
      }
    },
    take(id: string): PlayToken | null | undefined {
      const found = fresh(id);
      if (!found) return undefined;
      const { token, sinceMs } = found;
      if (token === null) return null;
      stock.delete(id);
      return { token, sinceMs };
    },
    clear: () => stock.clear(),
  };
}
