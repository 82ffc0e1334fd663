import type { Histogram as PromHistogram, Registry } from "prom-client";

/** Counts durations in buckets, per combination of labels. */
export interface Histogram<Label extends string> {
  observe(labels: Record<Label, string>, seconds: number): void;
}

interface Series {
  labels: Record<string, string>;
  /** Of each bucket alone; the last one has no upper bound. */
  counts: number[];
  sum: number;
}

/**
 * A histogram of the registry. The registry's own kind sorts, copies and hashes the labels of each observation, which
 * takes a twentieth of the time of a cached page.
 */
export function registerHistogram<Label extends string>(
  registry: Registry,
  {
    name,
    help,
    labels,
    buckets,
  }: { name: string; help: string; labels: readonly Label[]; buckets: number[] },
): Histogram<Label> {
  const series = new Map<string, Series>();
  const values = () =>
    [...series.values()].flatMap((one) => {
      let total = 0;
      const cumulated = one.counts.map((count, i) => {
        total += count;
        return {
          value: total,
          labels: { ...one.labels, le: buckets[i] ?? "+Inf" },
          metricName: `${name}_bucket`,
        };
      });
      return [
        ...cumulated,
        { value: one.sum, labels: one.labels, metricName: `${name}_sum` },
        { value: total, labels: one.labels, metricName: `${name}_count` },
      ];
    });
  const metric = {
    name,
    get: async () => ({ name, help, type: "histogram", values: values(), aggregator: "sum" }),
    reset: () => series.clear(),
  };
  registry.registerMetric(metric as unknown as PromHistogram);
  return {
    observe(of, seconds) {
      let key = "";
      for (const label of labels) key += `${of[label]}\n`;
      let one = series.get(key);
      if (!one) {
        one = { labels: { ...of }, counts: Array<number>(buckets.length + 1).fill(0), sum: 0 };
        series.set(key, one);
      }
      let bucket = 0;
      while (bucket < buckets.length && seconds > buckets[bucket]!) bucket++;
      one.counts[bucket]!++;
      one.sum += seconds;
    },
  };
}
