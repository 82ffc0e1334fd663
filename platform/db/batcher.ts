import { DomainError } from "../errors/domain-error.ts";

/**
 * Merges concurrent requests for single things into one request for many. While a batch is under way the
 * next one gathers (as in a database's group commit), so batches grow with load and cost nothing without it;
 * and whoever asks is never answered from a batch that began before they asked.
 *
 * `run` answers in the order of its keys. `maxBatch` bounds a batch, `maxWaiting` the queue (error: BUSY).
 */
export function createBatcher<K, V>(
  run: (keys: K[]) => Promise<V[]>,
  options: { maxBatch?: number; maxWaiting?: number; parallel?: number } = {},
): (key: K) => Promise<V> {
  const { maxBatch = 500, maxWaiting = 10_000, parallel = 1 } = options;
  const waiting: { key: K; resolve(value: V): void; reject(error: unknown): void }[] = [];
  let running = 0;
  let scheduled = false;

  async function flush(): Promise<void> {
    const batch = waiting.splice(0, maxBatch);
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
      schedule();
    }
  }

  function schedule(): void {
    if (scheduled || running >= parallel || waiting.length === 0) return;
    scheduled = true;
    setImmediate(() => {
      scheduled = false;
      if (waiting.length > 0) void flush();
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
