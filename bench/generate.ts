import type { Load, LoadResult } from "./load/generator.ts";
import { startWorker, type Worker } from "./worker.ts";

export type Generator = Worker<Load, LoadResult>;

/** A load generator in a separate process. */
export function startGenerator(): Generator {
  return startWorker<Load, LoadResult>("load/generator");
}

/** Runs a load in which everything must succeed: refusals are cheap and would look like speed. */
export async function runLoad(generator: Generator, load: Load): Promise<LoadResult> {
  const result = await generator.ask(load);
  if (result.failed > 0) throw new Error(`${result.failed} requests failed, ${result.succeeded} succeeded`);
  return result;
}
