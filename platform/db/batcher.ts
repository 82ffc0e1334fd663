import { DomainError } from "../errors/domain-error.ts";

/**
 * Merges concurrent requests for single things into one request for many. While a batch is under way the
 * next one gathers (as in a database's group commit), so batches grow with load and cost nothing without it;
 * and whoever asks is never answered from a batch that began before they asked.
 *
 * `run` answers in the order of its keys. `maxBatch` bounds a batch, `maxWaiting` the queue (error: BUSY).
 * Up to `parallel` batches are under way at once. Of those with the same `conflict` key only one is; the others
 * follow in the order they came.
 */
export function createBatcher<K, V>(
  run: (keys: K[]) => Promise<V[]>,
  options: {
    maxBatch?: number;
    maxWaiting?: number;
    parallel?: number;
    conflict?: (key: K) => string;
  } = {},
): (key: K) => Promise<V> {
  const { maxBatch = 500, maxWaiting = 10_000, parallel = 1, conflict } = options;
  let waiting: { key: K; resolve(value: V): void; reject(error: unknown): void }[] = [];
  let running = 0;
  let scheduled = false;

  /** Those of the batches under way. */
  const taken = new Set<string>();

  function takeBatch(): typeof waiting {
    if (!conflict) return waiting.splice(0, maxBatch);
    const batch: typeof waiting = [];
    const left: typeof waiting = [];
    let seen = 0;
    for (; seen < waiting.length && batch.length < maxBatch; seen++) {
      const request = waiting[seen]!;
      const key = conflict(request.key);
      (taken.has(key) ? left : batch).push(request);
      taken.add(key);
    }
    waiting = [...left, ...waiting.slice(seen)];
    return batch;
  }

  async function flush(batch: typeof waiting): Promise<void> {
    running++;
    try {
      const values = await run(batch.map((request) => request.key));
      batch.forEach((request, i) => {
        request.resolve(values[i]!);
      });
    } catch (error) {
      for (const request of batch) request.reject(error);
    } finally {
      running--;
      if (conflict) for (const request of batch) taken.delete(conflict(request.key));
      schedule();
    }
  }

  function schedule(): void {
    if (scheduled || running >= parallel || waiting.length === 0) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      const batch = takeBatch();
      // All that wait may do so for a batch under way, whose end will come back here.
      if (batch.length === 0) return;
      void flush(batch);
      // What did not fit may go at once beside it.
      schedule();
    });
  }

  return (key) => {
    if (waiting.length >= maxWaiting) {
      return Promise.reject(
        new DomainError("exhausted", "BUSY", "Too many requests at once. Try again shortly.", 1000),
      );
    }
    return new Promise<V>((resolve, reject) => {
      waiting.push({ key, resolve, reject });
      schedule();
    });
  };
}

/**
 * The same for lists of ids: `load` is asked once for all that concurrent requests name, each id once, and everybody
 * gets everything that it found, to look up their own.
 */
export function createListBatcher<V>(
  load: (ids: string[]) => Promise<ReadonlyMap<string, V>>,
  options: { maxBatch?: number; maxWaiting?: number; parallel?: number } = {},
): (ids: string[]) => Promise<ReadonlyMap<string, V>> {
  return createBatcher<string[], ReadonlyMap<string, V>>(async (asked) => {
    const found = await load([...new Set(asked.flat())]);
    return asked.map(() => found);
  }, options);
}
