import { DomainError } from "../errors/domain-error.ts";

/** Measures one RPC: count, duration and outcome. */
export type Meter = (service: string, method: string) => <T>(work: () => Promise<T>) => Promise<T>;

/** What the meter writes to: a histogram with the labels service, method and outcome. */
export interface RpcHistogram {
  observe(labels: { service: string; method: string; outcome: string }, seconds: number): void;
}

/** A meter over a histogram. Outcomes are `ok`, the kind of a refusal, or `internal`. */
export function createMeter(histogram: RpcHistogram): Meter {
  return (service, method) => async (work) => {
    const startedMs = performance.now();
    let outcome = "ok";
    try {
      return await work();
    } catch (error) {
      outcome = error instanceof DomainError ? error.kind : "internal";
      throw error;
    } finally {
      histogram.observe({ service, method, outcome }, (performance.now() - startedMs) / 1000);
    }
  };
}
