import type { Dataset } from "./dataset.ts";
import type { ServerProcess } from "./server-process.ts";

/**
 * Starts processes with some modules each, in the order of calls: callers after the modules they call, whose addresses
 * they get. Several of one module are started together.
 */
export function places(dataset: Dataset, profileDir: string | undefined) {
  const services: string[] = [];
  return async (...modules: string[]): Promise<ServerProcess> => {
    const env = { DOUYA_SERVICES: services.join(",") };
    const process = await dataset.serve({ target: modules.join(","), env, profileDir });
    for (const module of modules) services.push(`${module}=127.0.0.1:${process.rpcPort}`);
    return process;
  };
}
