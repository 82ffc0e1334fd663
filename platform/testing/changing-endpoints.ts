import type { Endpoint, Endpoints } from "../registry/registry.ts";

/** Endpoints that a test changes; an address alone has no colour. */
export function changingEndpoints(
  ...first: (string | Endpoint)[]
): Endpoints & { set(...endpoints: (string | Endpoint)[]): void; watchers(): number } {
  const read = (given: (string | Endpoint)[]) =>
    given.map((one): Endpoint => (typeof one === "string" ? { address: one } : one));
  let endpoints = read(first);
  const watching = new Set<() => void>();
  return {
    current: () => endpoints,
    watch(changed) {
      watching.add(changed);
      return () => watching.delete(changed);
    },
    set(...next) {
      endpoints = read(next);
      for (const changed of watching) changed();
    },
    watchers: () => watching.size,
  };
}
