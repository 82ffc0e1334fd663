import { LRUCache } from "lru-cache";
import { createBatcher } from "../db/batcher.ts";
import { DomainError } from "../errors/domain-error.ts";
import { type Call, withinDeadline } from "../rpc/call.ts";

/** What has changed since a mark: what these ids stand for, or nobody knows what. */
export interface Changes {
  mark: string;
  ids: string[];
  everything: boolean;
}

/** An answer with what decides how long it is true. */
export interface Made<Value> {
  value: Value;
  /** Every id of which a change may make another answer. */
  madeOf: string[];
  /** An answer that lacks something is given and not kept. */
  complete: boolean;
}

/**
 * Keeps answers for as long as nothing they are made of has changed, and asks for changes whenever it is asked: so
 * nobody gets an answer that is older than their question. Those who ask at the same time share that look, and
 * the making of what they all want.
 */
export interface FreshCache<Value> {
  /** `make` may be given the answer of another call, so it depends on nothing but `key`. */
  get(key: string, call: Call, make: () => Promise<Made<Value>>): Promise<Value>;
}

interface Kept<Value> extends Made<Value> {
  /** It was true in this round. */
  round: number;
}

/** So many ids are remembered with their last change; answers from before the change of a forgotten one are made anew. */
const maxChanged = 50_000;

export function createFreshCache<Value>(options: {
  /** What was committed when the call began is told of. */
  changesSince(mark: string, call: Call): Promise<Changes>;
  sizeOf(value: Value): number;
  maxBytes: number;
  /** What is not told of (the time of day) makes no answer older than this. */
  maxAgeMs: number;
}): FreshCache<Value> {
  const { changesSince, sizeOf, maxBytes, maxAgeMs } = options;
  const kept = new LRUCache<string, Kept<Value>>({
    maxSize: maxBytes,
    sizeCalculation: ({ value, madeOf }) => sizeOf(value) + madeOf.length * 20 + 100,
  });
  const making = new Map<string, { round: number; made: Promise<Made<Value>> }>();
  // A round ends with each look that finds changes. In which round what an id stands for has changed last; of what
  // is not in here, and for answers of before `knownFrom`, nobody can tell.
  const changedIn = new Map<string, number>();
  let round = 0;
  let knownFrom = 0;
  let mark = "";

  function note({ ids, everything }: Changes): void {
    if (everything) knownFrom = ++round;
    if (ids.length === 0) return;
    round++;
    for (const id of ids) {
      // Set anew, so that the oldest come first.
      changedIn.delete(id);
      changedIn.set(id, round);
    }
    for (const [id, last] of changedIn) {
      if (changedIn.size <= maxChanged) break;
      changedIn.delete(id);
      knownFrom = Math.max(knownFrom, last);
    }
  }

  const look = createBatcher(
    async (calls: Call[]) => {
      const deadlineMs = Math.max(...calls.map((call) => call.deadlineMs));
      const changes = await changesSince(mark, { traceId: calls[0]!.traceId, deadlineMs });
      mark = changes.mark;
      note(changes);
      return calls.map(() => round);
    },
    // One of two that are under way may set the mark back, which tells of something twice.
    { parallel: 2 },
  );

  function isFresh(one: Kept<Value>, now: number): boolean {
    if (one.round === now) return true;
    if (one.round < knownFrom || one.madeOf.some((id) => (changedIn.get(id) ?? 0) > one.round)) return false;
    one.round = now;
    return true;
  }

  async function makeAnew(key: string, now: number, make: () => Promise<Made<Value>>): Promise<Made<Value>> {
    const made = make();
    const mine = { round: now, made };
    making.set(key, mine);
    try {
      const one = await made;
      // Not all at once, where many were made at once.
      const ttl = Math.ceil(maxAgeMs * (0.5 + Math.random() / 2));
      if (one.complete) kept.set(key, { ...one, round: now }, { ttl });
      return one;
    } finally {
      if (making.get(key) === mine) making.delete(key);
    }
  }

  async function get(key: string, call: Call, make: () => Promise<Made<Value>>): Promise<Value> {
    // It lasts no longer than the last of those who share it may wait.
    const now = await look(call);
    const known = kept.get(key);
    if (known && isFresh(known, now)) return known.value;
    // Under way since before the look, and nothing has changed since it began.
    const shared = making.get(key);
    if (shared?.round !== now) return (await makeAnew(key, now, make)).value;
    try {
      return (await withinDeadline(call, () => shared.made)).value;
    } catch (error) {
      const isLate = error instanceof DomainError && error.kind === "deadline";
      if (!isLate || Date.now() >= call.deadlineMs) throw error;
      // For whoever began it, not for us.
      return get(key, call, make);
    }
  }

  return { get };
}
