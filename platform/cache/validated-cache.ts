import { LRUCache } from "lru-cache";
import { createBatcher } from "../db/batcher.ts";
import { DomainError } from "../errors/domain-error.ts";
import { type Call, waitWithinDeadline } from "../rpc/call.ts";

/** What was committed since a cursor: the ids it concerns, or everything when that is not known. */
export interface Changes {
  /** For the next time. */
  cursor: string;
  ids: string[];
  everything: boolean;
}

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
 * gets an answer that is older than their question. Concurrent requests share that question, and those with the same
 * key share one load.
 */
export interface ValidatedCache<Value> {
  /** `call` is not made for a cached answer. The result of `load` may be given to other callers, so it depends on nothing but `key`. */
  get(key: string, call: () => Call, load: () => Promise<Answer<Value>>): Promise<Value>;
}

interface Entry<Value> extends Answer<Value> {
  /** The last epoch in which it was valid. */
  epoch: number;
}

/** Number of ids whose last change is remembered. Answers from before the change of a forgotten id are loaded again. */
const maxChanged = 50_000;

export interface ValidatedCacheOptions<Value> {
  /** Includes everything that was committed when it was called. */
  changesSince(cursor: string): Promise<Changes>;
  sizeOf(value: Value): number;
  maxBytes: number;
  /** Bounds the age of an answer, for what no change tells of (the time of day). */
  maxAgeMs: number;
}

export function createValidatedCache<Value>(
  options: ValidatedCacheOptions<Value>,
): ValidatedCache<Value> & { entries(): number } {
  const { changesSince, sizeOf, maxBytes, maxAgeMs } = options;
  const entries = new LRUCache<string, Entry<Value>>({
    maxSize: maxBytes,
    sizeCalculation: ({ value, dependencies }) => sizeOf(value) + dependencies.length * 20 + 100,
  });
  const loading = new Map<string, { epoch: number; answer: Promise<Answer<Value>> }>();
  // An epoch ends with each question that finds changes. The epoch of an id's last change; about ids that are not in
  // here, and entries from before `knownFrom`, nothing is known.
  const changedIn = new Map<string, number>();
  let epoch = 0;
  let knownFrom = 0;
  let cursor = "";

  function note({ ids, everything }: Changes): void {
    if (everything) knownFrom = ++epoch;
    if (ids.length === 0) return;
    epoch++;
    for (const id of ids) {
      // Deleted first, so that the map stays in the order of the last change.
      changedIn.delete(id);
      changedIn.set(id, epoch);
    }
    for (const [id, last] of changedIn) {
      if (changedIn.size <= maxChanged) break;
      changedIn.delete(id);
      knownFrom = Math.max(knownFrom, last);
    }
  }

  const currentEpoch = createBatcher(async (asked: null[]) => {
    const changes = await changesSince(cursor);
    cursor = changes.cursor;
    note(changes);
    return asked.map(() => epoch);
  });

  function isValid(entry: Entry<Value>, now: number): boolean {
    if (entry.epoch === now) return true;
    if (entry.epoch < knownFrom) return false;
    if (entry.dependencies.some((id) => (changedIn.get(id) ?? 0) > entry.epoch)) return false;
    entry.epoch = now;
    return true;
  }

  async function loadInto(
    key: string,
    now: number,
    load: () => Promise<Answer<Value>>,
  ): Promise<Answer<Value>> {
    const mine = { epoch: now, answer: load() };
    loading.set(key, mine);
    try {
      const answer = await mine.answer;
      // Entries of the same moment do not all end at the same moment.
      const ttl = Math.ceil(maxAgeMs * (0.5 + Math.random() / 2));
      if (answer.complete) entries.set(key, { ...answer, epoch: now }, { ttl });
      return answer;
    } finally {
      if (loading.get(key) === mine) loading.delete(key);
    }
  }

  async function get(key: string, callOf: () => Call, load: () => Promise<Answer<Value>>): Promise<Value> {
    // Shared by callers, and bounded by the time that the database gives a statement.
    const now = await currentEpoch(null);
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
