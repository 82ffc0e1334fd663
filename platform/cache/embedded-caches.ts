import { LRUCache } from "lru-cache";
import type { Metrics } from "../observe/metrics.ts";
import { atMost } from "./at-most.ts";
import type { Caches } from "./caches.ts";
import { createCaches } from "./create-caches.ts";
import { singleFlight } from "./single-flight.ts";

/** Caches in the memory of this process. */
export function embeddedCaches(metrics: Pick<Metrics, "gauges" | "totals">): Caches {
  return createCaches(metrics, (_name, { max, ttlMs, absentMs = 0 }) => {
    const entries = new LRUCache<string, { value: string | undefined }>({ ...atMost(max), ttl: ttlMs });
    const flights = singleFlight<string | undefined>();
    return {
      cache: {
        async get(key, load) {
          const known = entries.get(key);
          if (known) return known.value;
          return flights.run(key, async (isCurrent) => {
            const value = await load();
            const lastsMs = value === undefined ? absentMs : ttlMs;
            if (lastsMs > 0 && isCurrent()) entries.set(key, { value }, { ttl: lastsMs });
            return value;
          });
        },
        async forget(key) {
          entries.delete(key);
          flights.forget(key);
        },
      },
      entries: () => entries.size,
    };
  });
}
