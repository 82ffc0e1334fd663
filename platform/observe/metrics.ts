import { Counter, collectDefaultMetrics, Gauge, Registry } from "prom-client";
import { createMeter, type Meter } from "../rpc/meter.ts";
import { type Histogram, registerHistogram } from "./histogram.ts";

const seconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** The four golden signals of this process: traffic, errors and latency per route, RPC, consumer and job, saturation as gauges. */
export interface Metrics {
  registry: Registry;
  http: Histogram<"method" | "route" | "status">;
  rpc: Meter;
  /** Batches of events that a group of consumers handled or failed to. */
  batches: Histogram<"group" | "outcome">;
  /** Attempts at jobs; a kind is `module.kind`. */
  jobs: Histogram<"kind" | "outcome">;
  /** A counter with a value for each value of a label. A module that is started again goes on with the one there is. */
  counter<Label extends string>(name: string, help: string, label: Label): Counter<Label>;
  /** A gauge that is set, which a module that is started again goes on with as well. */
  level(name: string, help: string): Gauge;
  /** Registers a gauge that is read at each scrape. */
  gauge(name: string, help: string, read: () => number): void;
  /** The same with a value for each value of a label. */
  gauges<Label extends string>(
    name: string,
    help: string,
    label: Label,
    read: () => Promise<Value<Label>[]>,
  ): void;
  /** Registers a counter that is kept elsewhere and read at each scrape. */
  totals<Label extends string>(name: string, help: string, label: Label, read: () => Value<Label>[]): void;
}

interface Value<Label extends string> {
  labels: Record<Label, string>;
  value: number;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const http = registerHistogram(registry, {
    name: "douya_http_request_seconds",
    help: "Time from a request's arrival to its answer's end",
    labels: ["method", "route", "status"],
    buckets: seconds,
  });
  const rpc = registerHistogram(registry, {
    name: "douya_rpc_seconds",
    help: "Time of a call between modules, on either link",
    labels: ["service", "method", "outcome"],
    buckets: seconds,
  });
  const batches = registerHistogram(registry, {
    name: "douya_events_batch_seconds",
    help: "Time of an attempt at a batch of events",
    labels: ["group", "outcome"],
    buckets: seconds,
  });
  const jobs = registerHistogram(registry, {
    name: "douya_job_seconds",
    help: "Time of an attempt at a job",
    labels: ["kind", "outcome"],
    buckets: [...seconds, 60, 600, 3_600],
  });
  return {
    registry,
    http,
    rpc: createMeter(rpc),
    batches,
    jobs,
    counter: <Label extends string>(name: string, help: string, label: Label) =>
      (registry.getSingleMetric(name) as Counter<Label> | undefined) ??
      new Counter({ name, help, labelNames: [label], registers: [registry] }),
    level: (name, help) =>
      (registry.getSingleMetric(name) as Gauge | undefined) ??
      new Gauge({ name, help, registers: [registry] }),
    gauge(name, help, read) {
      new Gauge({
        name,
        help,
        registers: [registry],
        collect() {
          this.set(read());
        },
      });
    },
    gauges(name, help, label, read) {
      new Gauge({
        name,
        help,
        labelNames: [label],
        registers: [registry],
        async collect() {
          const values = await read();
          this.reset();
          for (const { labels, value } of values) this.set(labels, value);
        },
      });
    },
    totals(name, help, label, read) {
      new Counter({
        name,
        help,
        labelNames: [label],
        registers: [registry],
        collect() {
          this.reset();
          for (const { labels, value } of read()) this.inc(labels, value);
        },
      });
    },
  };
}
