import type { DomainError } from "../errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";

/** Where the modules of other processes are. */
export interface Registry {
  /** Error: MODULE_NOT_PLACED when nothing can ever say where `module` runs. */
  endpoints(module: string): Endpoints;
}

/** The processes that run one module, which may come and go. */
export interface Endpoints {
  /** host:port of each that is known now; none while nobody is there. */
  current(): readonly string[];
  /** Calls `changed` after every change, until the function that it returns is called. */
  watch(changed: () => void): () => void;
}

/** A fixed list, `user=127.0.0.1:9001,user=127.0.0.1:9002,video=127.0.0.1:9003`. Error: REGISTRY_INVALID. */
export function staticRegistry(list: string): Registry {
  const addresses = new Map<string, string[]>();
  for (const entry of list.split(",").map((text) => text.trim())) {
    if (!entry) continue;
    const [, module, address] = /^([a-z]+)\s*=\s*([^\s=]+:\d+)$/.exec(entry) ?? [];
    if (!module || !address) throw invalid(`"${entry}" does not say where a module runs.`);
    const known = addresses.get(module) ?? [];
    if (known.includes(address)) throw invalid(`"${entry}" is listed twice.`);
    addresses.set(module, [...known, address]);
  }
  return {
    endpoints(module) {
      const known = addresses.get(module);
      if (known) return { current: () => known, watch: () => () => {} };
      throw refusal("MODULE_NOT_PLACED", { module });
    },
  };
}

function invalid(what: string): DomainError {
  return refusal("REGISTRY_INVALID", { what });
}
