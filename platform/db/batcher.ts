import { refusal } from "../errors/reasons.ts";
import { callController, type Waited } from "../rpc/call.ts";

/** The request: nobody waits for the answer once the signal has fired. */
interface Asker {
  readonly signal?: Waited | undefined;
}

interface Request<K, V> {
  key: K;
  resolve(value: V): void;
  reject(error: unknown): void;
  signal: Waited | undefined;
}

/**
 * How often to look for aborted requests: a listener on each signal would cost as much as the rest of a request in a
 * batch.
 */
const lookMs = 100;

/**
 * Merges concurrent requests for single things into one request for many. While a batch is under way the next one
 * gathers (as in a database's group commit), so batches grow with load and add no delay without it. A request is
 * never answered from a batch that began before it. `run` answers in the order of its keys. `maxBatch` bounds a
 * batch, `maxWaiting` the queue (error: BUSY). Up to `parallel` batches are under way at once. Of those with the same
 * `conflict` key only one is; the others follow in the order they came. Requests that were aborted while waiting are
 * not begun. A batch continues as long as one of its requests waits; then the signal given to `run` fires.
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

  /** Keys of the batches under way. */
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
      // All waiting requests conflict with a batch under way, whose end comes back here.
      if (batch.length === 0) return;
      void flush(batch);
      // What did not fit may run at once, in parallel.
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
 * The same for lists of ids: `load` is called once for all ids of concurrent requests, each id once, and every
 * request gets everything that it found.
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
