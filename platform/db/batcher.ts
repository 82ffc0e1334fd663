import { refusal } from "../errors/reasons.ts";
import { callController } from "../rpc/call.ts";

/** Who asks: nobody waits for the answer once the signal has fired. */
interface Asker {
  readonly signal?: AbortSignal | undefined;
}

interface Request<K, V> {
  key: K;
  resolve(value: V): void;
  reject(error: unknown): void;
  signal: AbortSignal | undefined;
}

/** How often to look who has gone: a listener on each signal would cost as much as the rest of a request in a batch. */
const lookMs = 100;

/**
 * Merges concurrent requests for single things into one request for many. While a batch is under way the
 * next one gathers (as in a database's group commit), so batches grow with load and cost nothing without it;
 * and whoever asks is never answered from a batch that began before they asked.
 *
 * `run` answers in the order of its keys. `maxBatch` bounds a batch, `maxWaiting` the queue (error: BUSY).
 * Up to `parallel` batches are under way at once. Of those with the same `conflict` key only one is; the others
 * follow in the order they came.
 *
 * What somebody asked who has gone since is not begun. A batch that is under way lasts for as long as one of those who
 * asked for it waits: then the signal that `run` is given fires.
 */
export function createBatcher<K, V>(
  run: (keys: K[], batch: { readonly signal: AbortSignal }) => Promise<V[]>,
  options: {
    maxBatch?: number;
    maxWaiting?: number;
    parallel?: number;
    conflict?: (key: K) => string;
  } = {},
): (key: K, asker?: Asker) => Promise<V> {
  const { maxBatch = 500, maxWaiting = 10_000, parallel = 1, conflict } = options;
  /** In the order they came. */
  const waiting = new Set<Request<K, V>>();
  let running = 0;
  let scheduled = false;

  /** Those of the batches under way. */
  const taken = new Set<string>();

  function dropIfGone(request: Request<K, V>): boolean {
    const { signal, reject } = request;
    if (!signal?.aborted) return false;
    waiting.delete(request);
    reject(signal.reason);
    return true;
  }

  function takeBatch(): Request<K, V>[] {
    const batch: Request<K, V>[] = [];
    for (const request of waiting) {
      if (batch.length === maxBatch) break;
      if (dropIfGone(request)) continue;
      if (conflict) {
        const key = conflict(request.key);
        if (taken.has(key)) continue;
        taken.add(key);
      }
      waiting.delete(request);
      batch.push(request);
    }
    return batch;
  }

  async function flush(batch: Request<K, V>[]): Promise<void> {
    running++;
    const unwanted = callController();
    const look = setInterval(() => {
      waiting.forEach(dropIfGone);
      const gone = batch.filter(dropIfGone);
      if (gone.length === batch.length) unwanted.abort(gone[0]!.signal!.reason);
    }, lookMs);
    try {
      const values = await run(
        batch.map((request) => request.key),
        { signal: unwanted.signal },
      );
      batch.forEach((request, i) => {
        request.resolve(values[i]!);
      });
    } catch (error) {
      for (const request of batch) request.reject(error);
    } finally {
      clearInterval(look);
      running--;
      if (conflict) for (const request of batch) taken.delete(conflict(request.key));
      schedule();
    }
  }

  function schedule(): void {
    if (scheduled || running >= parallel || waiting.size === 0) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      const batch = takeBatch();
      // All that wait may do so for a batch under way, whose end will come back here.
      if (batch.length === 0) return;
      void flush(batch);
      // What did not fit may go at once, in parallel.
      schedule();
    });
  }

  return (key, { signal } = {}) => {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (waiting.size >= maxWaiting) {
      return Promise.reject(refusal("BUSY", "Too many requests at once. Try again shortly."));
    }
    return new Promise<V>((resolve, reject) => {
      waiting.add({ key, resolve, reject, signal });
      schedule();
    });
  };
}

/**
 * The same for lists of ids: `load` is asked once for all that concurrent requests name, each id once, and everybody
 * gets everything that it found, to look up their own.
 */
export function createListBatcher<V>(
  load: (ids: string[], batch: { readonly signal: AbortSignal }) => Promise<ReadonlyMap<string, V>>,
  options: { maxBatch?: number; maxWaiting?: number; parallel?: number } = {},
): (ids: string[], asker?: Asker) => Promise<ReadonlyMap<string, V>> {
  return createBatcher<string[], ReadonlyMap<string, V>>(async (asked, batch) => {
    const found = await load([...new Set(asked.flat())], batch);
    return asked.map(() => found);
  }, options);
}
