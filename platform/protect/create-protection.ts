import type { Metrics } from "../observe/metrics.ts";
import { type Admission, createAdmission, openAdmission } from "./admission.ts";
import { boundedQueue } from "./bounded-queue.ts";
import { concurrencyLimit } from "./concurrency-limit.ts";
import { fairQueue } from "./fair-queue.ts";
import { noGuessLimit } from "./guess-limit.ts";
import type { LimitEngine } from "./limit-engine.ts";
import { watchLoopDelay } from "./loop-delay.ts";
import type { Protection } from "./protection.ts";
import { noRateLimit, type RateLimitOptions } from "./rate-limit.ts";

/**
 * What every protection does, whichever engine counts: names belong to one limit each, metrics show them, and `limits` off
 * lets load tests through. What bounds the work of this process is counted by this process.
 */
export function createProtection(options: {
  engine: LimitEngine;
  limits: boolean;
  /** Rates that a limit has now instead of its own, by its name. */
  rates?: () => ReadonlyMap<string, RateLimitOptions>;
  metrics: Pick<Metrics, "gauge" | "gauges">;
}): Protection {
  const { engine, limits, rates = () => new Map(), metrics } = options;
  /** How many keys each limit remembers, by its name. */
  const keysOf = new Map<string, () => number>();
  metrics.gauges("douya_limit_keys", "People and addresses that a limit remembers", "limit", async () =>
    [...keysOf].map(([limit, keys]) => ({ labels: { limit }, value: keys() })),
  );

  const admissions = new Map<string, Admission>();
  let loopDelayMs: (() => number) | undefined;
  const ofAdmissions = (read: (admission: Admission) => number) => async () =>
    [...admissions].map(([at, admission]) => ({ labels: { at }, value: read(admission) }));
  metrics.gauges(
    "douya_admission_waiting",
    "Requests and calls that wait to be let in",
    "at",
    ofAdmissions((admission) => admission.waiting()),
  );
  metrics.gauges(
    "douya_admission_shed",
    "Share of requests and calls turned away lately",
    "at",
    ofAdmissions((admission) => admission.shedShare()),
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
    rateLimit(name, { always, ...row }) {
      if (!limits && !always) return noRateLimit;
      const now = (): RateLimitOptions => rates().get(name) ?? row;
      const rate = {
        get burst() {
          return now().burst;
        },
        get perMinute() {
          return now().perMinute;
        },
      };
      return named(name, engine.rateLimit(name, rate));
    },
    guessLimit: (name, row) => (limits ? named(name, engine.guessLimit(name, row)) : noGuessLimit),
    concurrencyLimit: (name, row) => named(name, concurrencyLimit(row)),
    boundedQueue: (name, { help, ...row }) => gauged(name, help, boundedQueue(row)),
    fairQueue: (name, { help, ...row }) => gauged(name, help, fairQueue(row)),
    admission(name, { callersShed = false } = {}) {
      if (!limits) return openAdmission;
      loopDelayMs ??= watchLoopDelay();
      const admission = createAdmission({ loopDelayMs, callersShed });
      admissions.set(name, admission);
      return admission;
    },
  };
}
