import { createBatcher } from "../db/batcher.ts";
import { isAwayOrBusy } from "../errors/domain-error.ts";

/** What was committed since a cursor: the ids it concerns, or everything when that is not known. */
export interface Changes {
  /** For the next time. */
  cursor: string;
  ids: string[];
  everything: boolean;
}

/**
 * Tells what is still true of what was read earlier. Time is counted in epochs; one ends with each question that finds
 * changes. What is read after `now` is true at that epoch, or newer.
 */
export interface Validity {
  /**
   * Asks for changes first: everything committed before the call is known. Concurrent callers share the question.
   * Undefined while changes cannot be asked for, so that nobody knows what has changed.
   */
  now(): Promise<number | undefined>;
  /** The epoch as of the last question. */
  last(): number;
  /** Whether nothing has changed about this id since an epoch. */
  isUnchanged(id: string, since: number): boolean;
}

/** Number of ids whose last change is remembered. What is older than the change of a forgotten id counts as changed. */
const maxChanged = 50_000;

export function createValidity(changesSince: (cursor: string) => Promise<Changes>): Validity {
  const changedIn = new Map<string, number>();
  let epoch = 0;
  /** Nothing is known about what was true before it. */
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

  const ask = createBatcher(async (asked: null[]) => {
    const changes = await changesSince(cursor);
    cursor = changes.cursor;
    note(changes);
    return asked.map(() => epoch);
  });

  return {
    now: () =>
      ask(null).catch((error) => {
        if (isAwayOrBusy(error)) return undefined;
        throw error;
      }),
    last: () => epoch,
    isUnchanged: (id, since) => since >= knownFrom && (changedIn.get(id) ?? 0) <= since,
  };
}
