import type { DomainError } from "../errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";

/** Where the modules of other processes are. */
export interface Registry {
  /** host:port of a process that runs `module`. Error: MODULE_NOT_PLACED. */
  addressOf(module: string): string;
}

/** A fixed list, `user=127.0.0.1:9001,video=127.0.0.1:9002`. Error: REGISTRY_INVALID. */
export function staticRegistry(list: string): Registry {
  const addresses = new Map<string, string>();
  for (const entry of list.split(",").map((text) => text.trim())) {
    if (!entry) continue;
    const [, module, address] = /^([a-z]+)\s*=\s*([^\s=]+:\d+)$/.exec(entry) ?? [];
    if (!module || !address) throw invalid(`"${entry}" does not say where a module runs.`);
    if (addresses.has(module)) throw invalid(`The module ${module} is listed twice.`);
    addresses.set(module, address);
  }
  return {
    addressOf(module) {
      const address = addresses.get(module);
      if (address) return address;
      throw refusal("MODULE_NOT_PLACED", { module });
    },
  };
}

function invalid(what: string): DomainError {
  return refusal("REGISTRY_INVALID", { what });
}
