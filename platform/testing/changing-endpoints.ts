import type { Endpoints } from "../registry/registry.ts";

/** Endpoints that a test changes. */
export function changingEndpoints(
  ...first: string[]
): Endpoints & { set(...addresses: string[]): void; watchers(): number } {
  let addresses = first;
  const watching = new Set<() => void>();
  return {
    current: () => addresses,
    watch(changed) {
      watching.add(changed);
      return () => watching.delete(changed);
    },
    set(...next) {
      addresses = next;
      for (const changed of watching) changed();
    },
    watchers: () => watching.size,
  };
}
