import { LRUCache } from "lru-cache";
import { atMost } from "./at-most.ts";
import { spread } from "./spread.ts";
import type { Validity } from "./validity.ts";

/** Entries by id, each for as long as nothing has changed about its id. */
export interface ValidatedEntries<Value> {
  /**
   * The entries that are there, as they were at `epoch` or later. `load` is asked for those that are not remembered;
   * what it knows nothing of is left out, and not remembered. `prefix` keeps apart what different loads find.
   */
  getMany(
    prefix: string,
    ids: readonly string[],
    epoch: number,
    load: (missing: string[]) => Promise<ReadonlyMap<string, Value>>,
  ): Promise<ReadonlyMap<string, Value>>;
}

export interface ValidatedEntriesOptions {
  validity: Validity;
  max: number;
  /** Bounds the age of an entry, for what no change tells of. */
  maxAgeMs: number;
}

interface Entry<Value> {
  value: Value;
  /** The last epoch in which it was valid. */
  epoch: number;
}

export function createValidatedEntries<Value>({
  validity,
  max,
  maxAgeMs,
}: ValidatedEntriesOptions): ValidatedEntries<Value> & { entries(): number } {
  const entries = new LRUCache<string, Entry<Value>>(atMost(max));

  function validAt(key: string, id: string, epoch: number): Entry<Value> | undefined {
    const entry = entries.get(key);
    // A later question may have found it valid at a later epoch than this one.
    if (!entry || entry.epoch >= epoch) return entry;
    if (!validity.isUnchanged(id, entry.epoch)) return undefined;
    entry.epoch = epoch;
    return entry;
  }

  return {
    async getMany(prefix, ids, epoch, load) {
      const found = new Map<string, Value>();
      const missing: string[] = [];
      for (const id of ids) {
        const entry = validAt(prefix + id, id, epoch);
        if (entry) found.set(id, entry.value);
        else missing.push(id);
      }
      if (missing.length === 0) return found;
      const loaded = await load(missing);
      for (const id of missing) {
        const value = loaded.get(id);
        if (value === undefined) continue;
        found.set(id, value);
        entries.set(prefix + id, { value, epoch }, { ttl: spread(maxAgeMs) });
      }
      return found;
    },
    entries: () => entries.size,
  };
}
