import type { Metrics } from "../observe/metrics.ts";
import { boundedQueue } from "./bounded-queue.ts";
import { concurrencyLimit } from "./concurrency-limit.ts";
import { fairQueue } from "./fair-queue.ts";
import { guessLimit, noGuessLimit } from "./guess-limit.ts";
import type { Protection } from "./protection.ts";
import { noRateLimit, rateLimit } from "./rate-limit.ts";

/** Protection in the memory of this process. `limits` off lets load tests through. */
export function embeddedProtection(options: {
  limits: boolean;
  metrics: Pick<Metrics, "gauge" | "gauges">;
}): Protection {
  const { limits, metrics } = options;
  /** How many keys each limit remembers, by its name. */
  const keysOf = new Map<string, () => number>();
  metrics.gauges("douya_limit_keys", "People and addresses that a limit remembers", "limit", async () =>
    [...keysOf].map(([limit, keys]) => ({ labels: { limit }, value: keys() })),
  );

  function named<Limit extends { keys(): number }>(name: string, limit: Limit): Limit {
    if (keysOf.has(name)) throw new Error(`there are two limits with the name "${name}"`);
    keysOf.set(name, limit.keys);
    return limit;
  }

  function gauged<Queue extends { waiting(): number }>(name: string, help: string, queue: Queue): Queue {
    metrics.gauge(`douya_${name}`, help, queue.waiting);
    return queue;
  }

  return {
    rateLimit: (name, { always, ...row }) => (limits || always ? named(name, rateLimit(row)) : noRateLimit),
    guessLimit: (name, row) => (limits ? named(name, guessLimit(row)) : noGuessLimit),
    concurrencyLimit: (name, row) => named(name, concurrencyLimit(row)),
    boundedQueue: (name, { help, ...row }) => gauged(name, help, boundedQueue(row)),
    fairQueue: (name, { help, ...row }) => gauged(name, help, fairQueue(row)),
  };
}
