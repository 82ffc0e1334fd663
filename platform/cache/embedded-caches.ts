import { LRUCache } from "lru-cache";
import type { Metrics } from "../observe/metrics.ts";
import type { Caches } from "./caches.ts";
import { createValidatedCache } from "./validated-cache.ts";

/** Caches in the memory of this process. */
export function embeddedCaches(metrics: Pick<Metrics, "gauges">): Caches {
  /** How many entries each cache has, by its name. */
  const entriesOf = new Map<string, () => number>();
  metrics.gauges("douya_cache_entries", "Answers that a cache remembers", "cache", async () =>
    [...entriesOf].map(([cache, entries]) => ({ labels: { cache }, value: entries() })),
  );

  function register(name: string, entries: () => number): void {
    if (entriesOf.has(name)) throw new Error(`there are two caches with the name "${name}"`);
    entriesOf.set(name, entries);
  }

  return {
    local<Value extends object | string | number>(
      name: string,
      { max, onEvict }: { max: number; onEvict?(value: Value): void },
    ) {
      const entries = new LRUCache<string, Value>({
        max,
        ...(onEvict && {
          dispose: (value, _key, why) => {
            if (why === "evict") onEvict(value);
          },
        }),
      });
      register(name, () => entries.size);
      return entries;
    },
    shared(name, { max, ttlMs }) {
      const entries = new LRUCache<string, string>({ max, ttl: ttlMs });
      register(name, () => entries.size);
      return {
        async get(key, load) {
          const known = entries.get(key);
          if (known !== undefined) return known;
          const found = await load();
          if (found !== undefined) entries.set(key, found);
          return found;
        },
      };
    },
    validated(name, options) {
      const cache = createValidatedCache(options);
      register(name, cache.entries);
      return cache;
    },
  };
}
