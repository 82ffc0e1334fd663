import { DomainError } from "../errors/domain-error.ts";

/** Where the modules of other processes are. */
export interface Registry {
  /** host:port of a process that runs `module`. Error: MODULE_NOT_PLACED. */
  addressOf(module: string): string;
}

/** A fixed list, `user=127.0.0.1:9001,video=127.0.0.1:9002`. */
export function staticRegistry(list: string): Registry {
  const addresses = new Map(
    list
      .split(",")
      .filter(Boolean)
      .map((entry) => entry.trim().split("=") as [string, string]),
  );
  return {
    addressOf(module) {
      const address = addresses.get(module);
      if (address) return address;
      throw new DomainError(
        "invalid",
        "MODULE_NOT_PLACED",
        `Nothing says where the module ${module} runs. Start it in this process or add ${module}=host:port to DOUYA_SERVICES.`,
      );
    },
  };
}
