import type { DomainError } from "../errors/domain-error.ts";
import { refusal } from "../errors/reasons.ts";
import { isColour } from "./colour.ts";
import { isHostAndPort } from "./host-and-port.ts";

/** Where the modules of other processes are. */
export interface Registry {
  /** Error: MODULE_NOT_PLACED when nothing can ever say where `module` runs. */
  endpoints(module: string): Endpoints;
}

/** One process that runs a module. */
export interface Endpoint {
  /** host:port */
  readonly address: string;
  /** The traffic colour that it is there for; absent: for all other traffic. */
  readonly colour?: string | undefined;
}

/** The processes that run one module, which may come and go. */
export interface Endpoints {
  /** Each that is known now, with an address of its own; none while nobody is there. */
  current(): readonly Endpoint[];
  /** Calls `changed` after every change, until the function that it returns is called. */
  watch(changed: () => void): () => void;
}

/**
 * A fixed list, `user=127.0.0.1:9001,user=127.0.0.1:9002,video/canary=127.0.0.1:9003`; what follows the slash is the
 * colour of the process. Error: REGISTRY_INVALID.
 */
export function staticRegistry(list: string): Registry {
  const endpoints = new Map<string, Endpoint[]>();
  for (const entry of list.split(",").map((text) => text.trim())) {
    if (!entry) continue;
    const [name = "", address = "", ...rest] = entry.split("=").map((text) => text.trim());
    const [module = "", colour, ...more] = name.split("/");
    const isPlace = /^[a-z]+$/.test(module) && isHostAndPort(address) && rest.length + more.length === 0;
    if (!isPlace || !(colour === undefined || isColour(colour)))
      throw invalid(`"${entry}" does not say where a module runs.`);
    const known = endpoints.get(module) ?? [];
    if (known.some((other) => other.address === address)) throw invalid(`"${entry}" is listed twice.`);
    endpoints.set(module, [...known, { address, colour }]);
  }
  return {
    endpoints(module) {
      const known = endpoints.get(module);
      if (known) return { current: () => known, watch: () => () => {} };
      throw refusal("MODULE_NOT_PLACED", { module });
    },
  };
}

function invalid(what: string): DomainError {
  return refusal("REGISTRY_INVALID", { what });
}
