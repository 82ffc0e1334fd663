import { LRUCache } from "lru-cache";
import { DomainError } from "../errors/domain-error.ts";
import { type Call, waitWithinDeadline } from "../rpc/call.ts";
import { spread } from "./spread.ts";
import type { Validity } from "./validity.ts";

/** An answer with what its validity depends on. */
interface Answer<Value> {
  value: Value;
  /** Every id whose change may lead to another answer. */
  dependencies: string[];
  /** An incomplete answer is given and not cached. */
  complete: boolean;
}

/**
 * Caches answers for as long as none of their dependencies has changed. Every `get` asks for changes first, so nobody
 * gets an answer that is older than their question; while changes cannot be asked for, answers are made and not kept. Concurrent requests share that question, and those with the same
 * key share one load.
 */
export interface ValidatedCache<Value> {
  /**
   * `call` is not made for a cached answer. The result of `load` may be given to other callers, so it depends on nothing
   * but `key`. It has to be true at `epoch` or newer; undefined: nobody can tell, and it is not kept.
   */
  get(
    key: string,
    call: () => Call,
    load: (epoch: number | undefined) => Promise<Answer<Value>>,
  ): Promise<Value>;
}

interface Entry<Value> extends Answer<Value> {
  /** The last epoch in which it was valid. */
  epoch: number;
}

export interface ValidatedCacheOptions<Value> {
  validity: Validity;
  sizeOf(value: Value): number;
  maxBytes: number;
  /** Bounds the age of an answer, for what no change tells of (the time of day). */
  maxAgeMs: number;
}

export function createValidatedCache<Value>(
  options: ValidatedCacheOptions<Value>,
): ValidatedCache<Value> & { entries(): number } {
  const { validity, sizeOf, maxBytes, maxAgeMs } = options;
  const entries = new LRUCache<string, Entry<Value>>({
    maxSize: maxBytes,
    sizeCalculation: ({ value, dependencies }) => sizeOf(value) + dependencies.length * 20 + 100,
  });
  const loading = new Map<string, { epoch: number; answer: Promise<Answer<Value>> }>();

  function isValid(entry: Entry<Value>, now: number): boolean {
    if (entry.epoch === now) return true;
    if (!entry.dependencies.every((id) => validity.isUnchanged(id, entry.epoch))) return false;
    entry.epoch = now;
    return true;
  }

  async function loadInto(
    key: string,
    now: number,
    load: (epoch: number | undefined) => Promise<Answer<Value>>,
  ): Promise<Answer<Value>> {
    const mine = { epoch: now, answer: load(now) };
    loading.set(key, mine);
    try {
      const answer = await mine.answer;
      if (answer.complete) entries.set(key, { ...answer, epoch: now }, { ttl: spread(maxAgeMs) });
      return answer;
    } finally {
      if (loading.get(key) === mine) loading.delete(key);
    }
  }

  async function get(
    key: string,
    callOf: () => Call,
    load: (epoch: number | undefined) => Promise<Answer<Value>>,
  ): Promise<Value> {
    // Shared by callers, and bounded by the time that the database gives a statement.
    const now = await validity.now();
    // What is kept stays, and is judged by the changes since then once they are known.
    if (now === undefined) return (await load(undefined)).value;
    const known = entries.get(key);
    if (known && isValid(known, now)) return known.value;
    // A load that began before the question is as good when nothing has changed since.
    const shared = loading.get(key);
    if (shared?.epoch !== now) return (await loadInto(key, now, load)).value;
    const call = callOf();
    try {
      return (await waitWithinDeadline(call, () => shared.answer)).value;
    } catch (error) {
      const isLate = error instanceof DomainError && error.kind === "deadline";
      if (!isLate || Date.now() >= call.deadlineMs) throw error;
      // The caller that began it ran out of time; this one has some left.
      return get(key, () => call, load);
    }
  }

  return { get, entries: () => entries.size };
}
