import { LRUCache } from "lru-cache";
import type { Metrics } from "../observe/metrics.ts";
import { atMost } from "./at-most.ts";
import type { Caches, SharedCache, SharedCacheOptions } from "./caches.ts";
import { createValidatedCache } from "./validated-cache.ts";
import {
  createValidatedEntries,
  type ValidatedEntries,
  type ValidatedEntriesOptions,
} from "./validated-entries.ts";
import { createValidity } from "./validity.ts";

/** Makes a shared cache, and says how many entries of it are in the memory of this process. */
type MakeShared = (
  name: string,
  options: SharedCacheOptions,
) => { cache: SharedCache; entries: () => number };

/** Caches, of which the shared ones are where an engine has them and the others in the memory of this process. */
export function createCaches(metrics: Pick<Metrics, "gauges" | "totals">, makeShared: MakeShared): Caches {
  /** How many entries each cache has, by its name. */
  const entriesOf = new Map<string, () => number>();
  metrics.gauges("douya_cache_entries", "Answers that a cache remembers", "cache", async () =>
    [...entriesOf].map(([cache, entries]) => ({ labels: { cache }, value: entries() })),
  );

  /** How often each was asked, and how often it had to load. */
  const uses = new Map<string, { asked: number; loaded: number }>();
  const totalOf = (of: "asked" | "loaded") => () =>
    [...uses].map(([cache, use]) => ({ labels: { cache }, value: use[of] }));
  metrics.totals("douya_cache_asked", "Answers that a cache was asked for", "cache", totalOf("asked"));
  metrics.totals("douya_cache_loaded", "Those that it had to load", "cache", totalOf("loaded"));
  function countUses(name: string) {
    const use = { asked: 0, loaded: 0 };
    uses.set(name, use);
    return use;
  }

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
      const use = countUses(name);
      return {
        forget: cache.forget,
        get(key, load) {
          use.asked++;
          return cache.get(key, () => {
            use.loaded++;
            return load();
          });
        },
      };
    },
    validity: createValidity,
    validated(name, options) {
      const cache = createValidatedCache(options);
      register(name, cache.entries);
      const use = countUses(name);
      return {
        get(key, call, load) {
          use.asked++;
          return cache.get(key, call, (epoch) => {
            use.loaded++;
            return load(epoch);
          });
        },
      };
    },
    validatedEntries<Value>(name: string, options: ValidatedEntriesOptions): ValidatedEntries<Value> {
      const cache = createValidatedEntries<Value>(options);
      register(name, cache.entries);
      const use = countUses(name);
      return {
        getMany(prefix, ids, epoch, load) {
          use.asked += ids.length;
          return cache.getMany(prefix, ids, epoch, (missing) => {
            use.loaded += missing.length;
            return load(missing);
          });
        },
      };
    },
  };
}
