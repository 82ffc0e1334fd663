import type { ValidatedCache, ValidatedCacheOptions } from "./validated-cache.ts";

/** What a module is given to remember answers in. Every cache is bounded, and has a name under which metrics show it. */
export interface Caches {
  /** In the memory of this process, for what means nothing outside it. */
  local<Value extends object | string | number>(
    name: string,
    options: LocalCacheOptions<Value>,
  ): LocalCache<Value>;
  /** For what every process would find the same, so that it may be in memory that they share. */
  shared(name: string, options: { max: number; ttlMs: number }): SharedCache;
  /** In the memory of this process, for answers that a later event makes wrong. */
  validated<Value>(name: string, options: ValidatedCacheOptions<Value>): ValidatedCache<Value>;
}

interface LocalCacheOptions<Value> {
  /** Beyond so many entries, those not used for longest are forgotten. */
  max: number;
  /** Called with a value that was evicted. */
  onEvict?(value: Value): void;
}

interface LocalCache<Value> {
  get(key: string): Value | undefined;
  /** Does not count as use. */
  peek(key: string): Value | undefined;
  set(key: string, value: Value): void;
  delete(key: string): void;
}

interface SharedCache {
  /** What is remembered for `key`; otherwise what `load` finds, which is remembered unless it is undefined. */
  get(key: string, load: () => Promise<string | undefined>): Promise<string | undefined>;
}
