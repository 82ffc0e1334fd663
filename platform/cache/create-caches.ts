import { LRUCache } from "lru-cache";
import type { Metrics } from "../observe/metrics.ts";
import { atMost } from "./at-most.ts";
import type { Caches, SharedCache, SharedCacheOptions } from "./caches.ts";
import { createValidatedCache } from "./validated-cache.ts";
import { createValidatedEntries, type ValidatedEntriesOptions } from "./validated-entries.ts";
import { createValidity } from "./validity.ts";

/** Makes a shared cache, and says how many entries of it are in the memory of this process. */
type MakeShared = (
  name: string,
  options: SharedCacheOptions,
) => { cache: SharedCache; entries: () => number };

/** Caches, of which the shared ones are where an engine has them and the others in the memory of this process. */
export function createCaches(metrics: Pick<Metrics, "gauges">, makeShared: MakeShared): Caches {
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
        ...atMost(max),
        ...(onEvict && {
          dispose: (value, _key, why) => {
            if (why === "evict") onEvict(value);
          },
        }),
      });
      register(name, () => entries.size);
      return entries;
    },
    shared(name, options) {
      const { cache, entries } = makeShared(name, options);
      register(name, entries);
      return cache;
    },
    validity: createValidity,
    validated(name, options) {
      const cache = createValidatedCache(options);
      register(name, cache.entries);
      return cache;
    },
    validatedEntries<Value>(name: string, options: ValidatedEntriesOptions) {
      const cache = createValidatedEntries<Value>(options);
      register(name, cache.entries);
      return cache;
    },
  };
}
