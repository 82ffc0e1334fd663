import type { ValidatedCache, ValidatedCacheOptions } from "./validated-cache.ts";
import type { ValidatedEntries, ValidatedEntriesOptions } from "./validated-entries.ts";
import type { Changes, Validity } from "./validity.ts";

/** What a module is given to remember answers in. Every cache is bounded, and has a name under which metrics show it. */
export interface Caches {
  /** In the memory of this process, for what means nothing outside it. */
  local<Value extends object | string | number>(
    name: string,
    options: LocalCacheOptions<Value>,
  ): LocalCache<Value>;
  /** For what every process would find the same, so that it may be in memory that they share. */
  shared(name: string, options: SharedCacheOptions): SharedCache;
  /** Of what events tell of. `changesSince` includes everything committed when it was called; its first cursor is empty. */
  validity(changesSince: (cursor: string) => Promise<Changes>): Validity;
  /** In the memory of this process, for answers that a later event makes wrong. */
  validated<Value>(name: string, options: ValidatedCacheOptions<Value>): ValidatedCache<Value>;
  /** The same for entries of which many are asked for at once. */
  validatedEntries<Value>(name: string, options: ValidatedEntriesOptions): ValidatedEntries<Value>;
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

export interface SharedCacheOptions {
  /** Entries in the memory of one process. */
  max: number;
  ttlMs: number;
  /** How long it is remembered that there is nothing; left out: not at all. */
  absentMs?: number;
}

/**
 * An answer may be as old as `ttlMs`, also after `forget`, which usually works at once: whoever loads meanwhile does not
 * bring the old answer back, but a process that cannot be reached goes on with what it has. So nothing that is looked up
 * here may decide what somebody is allowed to do.
 */
export interface SharedCache {
  /** What is remembered for `key`; otherwise what `load` finds. Those who ask at the same time share one load. */
  get(key: string, load: () => Promise<string | undefined>): Promise<string | undefined>;
  /** After a change was committed: what was remembered is not given any more, nor what is being loaded remembered. */
  forget(key: string): Promise<void>;
}
