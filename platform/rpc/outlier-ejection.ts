/** Which instances do clearly worse than the others, and are left alone for a while. */
export interface OutlierEjection<T> {
  /** Tells how a call to `instance` ended; `all` are those that could be called. */
  record(instance: T, outcome: { failed: boolean; ms: number }, all: readonly T[]): void;
  isEjected(instance: T): boolean;
}

/** What was long ago counts little: half of the count after so long. */
const halfLifeMs = 5_000;
const leastCalls = 10;
/** Worse than the others: that many times as often failed, or as slow, and no trifle. */
const timesWorse = 4;
const leastFailureRate = 0.2;
const leastSlowerMs = 100;
const firstMs = 5_000;
const longestMs = 120_000;

interface Record {
  atMs: number;
  calls: number;
  failures: number;
  totalMs: number;
  ejectedUntilMs: number;
  /** How often it was ejected and did not do well for long after it. */
  times: number;
}

/**
 * Ejects an instance whose share of failed calls or whose mean latency is a multiple of that of the others, for a time
 * that grows; at most half of all, since what most of them have in common is not theirs (Envoy's outlier detection).
 */
export function createOutlierEjection<T extends object>(clock: {
  now: () => number;
  random: () => number;
}): OutlierEjection<T> {
  const records = new WeakMap<T, Record>();

  function recordOf(instance: T, nowMs: number): Record {
    let one = records.get(instance);
    if (!one) {
      one = { atMs: nowMs, calls: 0, failures: 0, totalMs: 0, ejectedUntilMs: 0, times: 0 };
      records.set(instance, one);
    }
    const left = 0.5 ** ((nowMs - one.atMs) / halfLifeMs);
    one.calls *= left;
    one.failures *= left;
    one.totalMs *= left;
    one.atMs = nowMs;
    return one;
  }

  function isOutlier(own: Record, others: Record[]): boolean {
    if (own.calls < leastCalls) return false;
    const calls = sum(others.map((other) => other.calls));
    if (calls < leastCalls) return false;
    const rate = own.failures / own.calls;
    const usualRate = sum(others.map(({ failures }) => failures)) / calls;
    if (rate >= leastFailureRate && rate >= timesWorse * usualRate) return true;
    const usualMs = sum(others.map(({ totalMs }) => totalMs)) / calls;
    const ms = own.totalMs / own.calls;
    return ms >= timesWorse * usualMs && ms >= usualMs + leastSlowerMs;
  }

  return {
    record(instance, { failed, ms }, all) {
      const nowMs = clock.now();
      const own = recordOf(instance, nowMs);
      own.calls++;
      own.totalMs += ms;
      if (failed) own.failures++;
      if (all.length < 2 || nowMs < own.ejectedUntilMs) return;
      const others = all.filter((other) => other !== instance).map((other) => recordOf(other, nowMs));
      const staying = others.filter(({ ejectedUntilMs }) => ejectedUntilMs <= nowMs);
      if (others.length - staying.length + 1 > all.length / 2 || !isOutlier(own, staying)) return;
      if (nowMs - own.ejectedUntilMs > longestMs) own.times = 0;
      const forMs = Math.min(longestMs, firstMs * 2 ** own.times) * (0.8 + 0.4 * clock.random());
      Object.assign(own, {
        ejectedUntilMs: nowMs + forMs,
        times: own.times + 1,
        calls: 0,
        failures: 0,
        totalMs: 0,
      });
    },
    isEjected: (instance) => clock.now() < (records.get(instance)?.ejectedUntilMs ?? 0),
  };
}

const sum = (numbers: number[]): number => numbers.reduce((all, one) => all + one, 0);
